"""Where secrets may stand beside the environment, and who may read them there."""

from pathlib import Path

import pytest

from meta_pipeline.config import Settings, load_settings, read_secret
from meta_pipeline.config.models import Client
from meta_pipeline.config.tokens import token_of
from meta_pipeline.errors import ConfigError

SECRET = "EAAsecretOfAFile0123456789"
CLIENT = Client(id="acme", name="Acme", ad_accounts=("act_1",), token_env="ACME_TOKEN")


def secret_file(folder: Path, mode: int = 0o600, text: str = f"{SECRET}\n") -> Path:
    """A file with the client's token."""
    folder.mkdir(exist_ok=True)
    path = folder / "ACME_TOKEN"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("variable", ["META_PIPELINE_SECRETS_DIR", "CREDENTIALS_DIRECTORY"])
def test_a_token_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str):
    """It is the file of the variable's name; the line's end does not count."""
    secret_file(tmp_path)
    monkeypatch.setenv(variable, str(tmp_path))
    assert token_of(CLIENT).get_secret_value() == SECRET


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Then META_PIPELINE_SECRETS_DIR, then systemd's."""
    monkeypatch.setenv("META_PIPELINE_SECRETS_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "systemd"))
    secret_file(tmp_path / "own", text="EAAown0123456789")
    secret_file(tmp_path / "systemd", text="EAAsystemd0123456789")
    assert token_of(CLIENT).get_secret_value() == "EAAown0123456789"
    monkeypatch.setenv("ACME_TOKEN", "EAAenvironment0123456789")
    assert token_of(CLIENT).get_secret_value() == "EAAenvironment0123456789"
    monkeypatch.setenv("ACME_TOKEN", "")
    assert token_of(CLIENT).get_secret_value() == "EAAown0123456789"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_may_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
):
    """The error names the file and the command that closes it, not what is in it."""
    path = secret_file(tmp_path, mode)
    monkeypatch.setenv("META_PIPELINE_SECRETS_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match=f"mode {mode:o}") as raised:
        token_of(CLIENT)
    assert f"chmod 600 {path}" in str(raised.value.hint)
    assert SECRET not in f"{raised.value} {raised.value.hint}"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Not passed over, or the token would seem to be missing."""
    monkeypatch.setenv("META_PIPELINE_SECRETS_DIR", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="META_PIPELINE_SECRETS_DIR"):
        read_secret("ACME_TOKEN")


def test_what_stands_nowhere_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file of another name, or with blanks alone, is no secret."""
    secret_file(tmp_path, text=" \n")
    monkeypatch.setenv("META_PIPELINE_SECRETS_DIR", str(tmp_path))
    assert read_secret("ACME_TOKEN") is None
    assert read_secret("acme_token") is None
    assert read_secret("OTHER_TOKEN") is None


def test_the_secret_of_the_app_may_be_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As the tokens."""
    monkeypatch.delenv("META_APP_SECRET", raising=False)
    path = tmp_path / "META_APP_SECRET"
    path.write_text("secret-of-the-app")
    path.chmod(0o600)
    monkeypatch.setenv("META_PIPELINE_SECRETS_DIR", str(tmp_path))
    settings = load_settings()
    assert settings.app_secret is not None
    assert settings.app_secret.get_secret_value() == "secret-of-the-app"
    assert "secret-of-the-app" not in f"{settings!r} {Settings.model_dump_json(settings)}"


def test_a_secret_manager_without_its_library_is_told(monkeypatch: pytest.MonkeyPatch):
    """What to install, before anything is asked."""
    monkeypatch.setenv("META_PIPELINE_AWS_SECRET", "agency/tokens")
    monkeypatch.setitem(__import__("sys").modules, "botocore.exceptions", None)
    with pytest.raises(ConfigError, match="boto3 is not installed") as raised:
        read_secret("ACME_TOKEN")
    assert "meta-pipeline[aws]" in str(raised.value.hint)
