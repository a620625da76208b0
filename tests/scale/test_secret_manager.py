"""Tokens in AWS Secrets Manager, asked as any machine of a fleet asks it."""

import json

import pytest

from meta_pipeline.config import read_secret
from meta_pipeline.errors import ConfigError

boto3 = pytest.importorskip("boto3", reason="needs tests/scale/requirements.lock")
pytestmark = pytest.mark.scale
TOKEN = "EAAtokenOfTheAgency0123456789"


@pytest.fixture(autouse=True)
def secret(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a secret that holds one token; `s3` is a server of all of AWS's services."""
    name = "agency/tokens"
    client = boto3.client("secretsmanager", endpoint_url=s3)
    if not client.list_secrets()["SecretList"]:
        client.create_secret(Name=name, SecretString=json.dumps({"AGENCY_TOKEN": TOKEN}))
    monkeypatch.setenv("META_PIPELINE_AWS_SECRET", name)
    return name


def test_a_token_is_read_from_the_secret(monkeypatch: pytest.MonkeyPatch):
    """By its variable's name; one that is not in it is none; the environment wins."""
    found = read_secret("AGENCY_TOKEN")
    assert found is not None
    assert found.get_secret_value() == TOKEN
    assert read_secret("OTHER_TOKEN") is None
    monkeypatch.setenv("AGENCY_TOKEN", "EAAfromTheEnvironment0123456789")
    assert read_secret("AGENCY_TOKEN") != found


def test_a_secret_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    """With what to look at; what AWS said in full stays out of it."""
    monkeypatch.setenv("META_PIPELINE_AWS_SECRET", "agency/none")
    with pytest.raises(ConfigError, match="'agency/none'") as raised:
        read_secret("AGENCY_TOKEN")
    assert "GetSecretValue" in str(raised.value.hint)
