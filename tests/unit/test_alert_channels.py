"""Channels of alerts: what arrives, what is said when it does not, and what is never said."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from unit_sinks import HttpSink, made_certificate, running_smtp, running_webhook

from meta_pipeline.alerts import DeliveryError, Message, channels, channels_of
from meta_pipeline.alerts.channels import File, Mail, Webhook
from meta_pipeline.config import Alerts, Email, Settings
from meta_pipeline.errors import ConfigError, MetaPipelineError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET_PATH = "/services/T0SECRET/B0SECRET/xyzSECRETxyz"
PASSWORD = "correct-horse-battery"
MESSAGE = Message(
    event="failed",
    severity="error",
    title="[meta-pipeline] ERROR cafe-luna: permission",
    text="ERROR cafe-luna: <no> right & <!channel>\nNext step: ask Café Luna",
    clients=("cafe-luna",),
    what="permission",
    since=NOW,
    next_step="ask Café Luna",
    at=NOW,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody trusts unless told to."""
    return made_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def webhook() -> Iterator[HttpSink]:
    """A webhook on loopback."""
    with running_webhook() as sink:
        yield sink


def hook(url: str) -> Webhook:
    """The channel to a webhook, whose address stands in the environment."""
    return Webhook("HOOK", lambda _: SecretStr(url) if url.strip() else None)


def mail(port: int, **options: Any) -> Mail:
    """The channel to a mail server on loopback."""
    known: dict[str, Any] = {"host": "127.0.0.1", "from": "a@agency.example", "starttls": False}
    given = {"port": port, "to": ["b@agency.example", "c@agency.example"]} | options
    return Mail(Email.model_validate(known | given), lambda _: SecretStr(PASSWORD))


def refusal(channel: Webhook | Mail | File) -> MetaPipelineError:
    """The error with which a message fails; nothing in it or behind it is secret."""
    with pytest.raises(MetaPipelineError) as raised:
        channel.send(MESSAGE)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    for secret in ("SECRET", PASSWORD):
        assert secret not in str(raised.value)
    return raised.value


def test_a_webhook_gets_the_text(webhook: HttpSink):
    """One post of {"text": ...}, in which nothing calls everybody in Slack."""
    assert "answered 200: ok" in hook(webhook.url + SECRET_PATH).send(MESSAGE)
    text = "ERROR cafe-luna: &lt;no&gt; right &amp; &lt;!channel&gt;\nNext step: ask Café Luna"
    assert webhook.posts == [(SECRET_PATH, {"text": text})]


@pytest.mark.parametrize(("status", "is_refusal"), [(404, True), (500, False), (302, False)])
def test_a_webhook_that_answers_otherwise_has_not_taken_it(
    webhook: HttpSink, status: int, is_refusal: bool
):
    """The status and the beginning of the answer are told, without the address it repeats."""
    webhook.status = status
    webhook.body = f"no_service at {SECRET_PATH} xyzSECRETxyz"
    webhook.headers = {"Location": f"{webhook.url}/elsewhere"}
    error = refusal(hook(webhook.url + SECRET_PATH))
    assert isinstance(error, DeliveryError)
    assert error.is_refusal is is_refusal
    assert f"127.0.0.1 answered {status}: no_service at [hidden]" in error.message
    assert webhook.posts == []


def test_a_webhook_that_is_not_there():
    """A refused connection is told with the host alone."""
    error = refusal(hook(f"http://127.0.0.1:1{SECRET_PATH}"))
    assert error.message == "webhook HOOK: 127.0.0.1 cannot be reached: ConnectionError"


def test_the_address_is_in_no_log(webhook: HttpSink, caplog: pytest.LogCaptureFixture):
    """Not even where everything is logged, as somebody who seeks a defect may do."""
    with caplog.at_level(logging.DEBUG):
        hook(webhook.url + SECRET_PATH).send(MESSAGE)
        refusal(hook(f"http://127.0.0.1:1{SECRET_PATH}"))
        logging.getLogger("urllib3.connectionpool").debug("still there")
    assert "SECRET" not in caplog.text
    assert "still there" in caplog.text


def test_a_webhook_beyond_this_machine_needs_tls():
    """Over http the address could be read on its way; nothing is sent."""
    error = refusal(hook(f"http://hooks.example.com{SECRET_PATH}"))
    assert isinstance(error, ConfigError)
    assert "use https" in str(error)


@pytest.mark.parametrize("value", ["", "hooks.example.com/SECRET", "ftp://x/SECRET", "https://ä"])
def test_a_variable_without_an_address(value: str):
    """The variable is named, its value is not."""
    error = refusal(hook(value))
    assert isinstance(error, ConfigError)
    assert "HOOK" in error.message


def test_a_webhook_certificate_is_verified(certificate: Path, monkeypatch: pytest.MonkeyPatch):
    """A certificate that nobody vouches for is refused before anything is sent."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with running_webhook(certificate) as sink:
        assert "SSLError" in refusal(hook(sink.url + SECRET_PATH)).message
        assert sink.posts == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        hook(sink.url + SECRET_PATH).send(MESSAGE)
        assert len(sink.posts) == 1


def test_a_mail_arrives():
    """Subject, text, sender and recipients are those of the message and of clients.yml."""
    with running_smtp() as sink:
        assert mail(sink.port).send(MESSAGE) == "taken by 127.0.0.1"
    (got,) = sink.mails
    assert got["Subject"] == MESSAGE.title
    assert got.get_content().replace("\r\n", "\n") == MESSAGE.text + "\n"
    assert got["From"] == "a@agency.example"
    assert got["Auto-Submitted"] == "auto-generated"
    assert sink.recipients == ["b@agency.example", "c@agency.example"]


def test_a_mail_goes_encrypted_with_a_password(certificate: Path, monkeypatch: pytest.MonkeyPatch):
    """STARTTLS comes before the password, and only to a server whose certificate is good."""
    options = {"starttls": True, "user": "a", "password_env": "SMTP_PASSWORD"}
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with running_smtp(certificate, password=PASSWORD) as sink:
        assert "its certificate is not accepted" in refusal(mail(sink.port, **options)).message
        assert sink.mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        mail(sink.port, **options).send(MESSAGE)
    assert sink.was_encrypted
    assert len(sink.mails) == 1


def test_tls_from_the_start(certificate: Path, monkeypatch: pytest.MonkeyPatch):
    """On the port of implicit TLS everything is encrypted, and the certificate verified."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with running_smtp(certificate, is_implicit=True) as sink:
        monkeypatch.setattr(channels, "IMPLICIT_TLS_PORT", sink.port)
        assert "its certificate is not accepted" in refusal(mail(sink.port)).message
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        mail(sink.port).send(MESSAGE)
    assert len(sink.mails) == 1


def test_a_server_without_starttls_gets_no_password():
    """Where TLS is wanted and not offered, the message fails with what to do."""
    with running_smtp(password=PASSWORD) as sink:
        options = {"starttls": True, "user": "a", "password_env": "SMTP_PASSWORD"}
        error = refusal(mail(sink.port, **options))
    assert "port 465" in str(error)
    assert sink.mails == []


def test_a_refused_password_is_not_repeated():
    """The server's answer may hold what it was sent, so its number alone is told."""
    with running_smtp(password="another") as sink:
        error = refusal(mail(sink.port, user="a", password_env="SMTP_PASSWORD"))
    assert error.message.endswith("user or password is refused (535)")


def test_one_good_recipient_is_enough():
    """Whom the server does not know is named; the message is not sent again to the others."""
    with running_smtp(refuses={"c@agency.example"}) as sink:
        assert mail(sink.port).send(MESSAGE) == "taken by 127.0.0.1, but not for c@agency.example"
        sink.refuses.add("b@agency.example")
        assert "refused for b@agency.example, c@agency.example" in refusal(mail(sink.port)).message
    assert len(sink.mails) == 1


def test_a_mail_that_is_taken_is_taken():
    """An odd goodbye does not make the message fail, or it would come twice."""
    with running_smtp(answer_to_quit="451 later") as sink:
        assert mail(sink.port).send(MESSAGE) == "taken by 127.0.0.1"
    assert len(sink.mails) == 1


@pytest.mark.parametrize(("answer", "is_refusal"), [("452 full", False), ("554 spam", True)])
def test_a_server_that_does_not_take_it(answer: str, is_refusal: bool):
    """A passing refusal stops the round, a lasting one concerns this message alone."""
    with running_smtp(answer_to_data=answer) as sink:
        error = refusal(mail(sink.port))
    assert isinstance(error, DeliveryError)
    assert error.is_refusal is is_refusal
    assert error.message.endswith(f"answered {answer.replace(' ', ': ')}")


def test_a_file_gets_a_line_of_json(tmp_path: Path):
    """Each message is one line more, in a folder that is made."""
    channel = File(tmp_path / "new" / "alerts.jsonl")
    assert channel.send(MESSAGE) == channel.send(MESSAGE) == "written"
    lines = (tmp_path / "new" / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0]) == {
        "schema": 1,
        "at": "2026-11-22T12:00:00+00:00",
        "event": "failed",
        "severity": "error",
        "clients": ["cafe-luna"],
        "what": "permission",
        "since": "2026-11-22T12:00:00+00:00",
        "next_step": "ask Café Luna",
        "text": MESSAGE.text,
    }


def test_a_file_that_cannot_be_written(tmp_path: Path):
    """A folder in its place is told."""
    assert "cannot be written: Is a directory" in refusal(File(tmp_path)).message


def test_channels_follow_clients_yml(tmp_path: Path):
    """Any number of each; a file lies below the pipeline's home."""
    home = Settings().model_copy(update={"home": tmp_path})
    email = {"host": "mx.example", "from": "a@b.example", "to": "c@d.example"}
    alerts = Alerts.model_validate(
        {"webhook_env": ["ONE", "TWO"], "email": email, "file": "alerts.jsonl"}
    )
    assert [channel.name for channel in channels_of(alerts, home)] == [
        "webhook ONE",
        "webhook TWO",
        "email c@d.example by mx.example:587",
        f"file {tmp_path / 'alerts.jsonl'}",
    ]
