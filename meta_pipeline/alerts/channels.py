"""Where messages go: a webhook, a mailbox, a file. What is secret of them is told to nobody."""

import errno
import logging
import os
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import orjson
import requests
from pydantic import SecretStr
from urllib3.exceptions import HTTPError

from meta_pipeline.alerts.messages import NAME, Message
from meta_pipeline.config import IMPLICIT_TLS_PORT, LOOPBACK, Alerts, Email, Settings, read_secret
from meta_pipeline.errors import ConfigError, MetaPipelineError

TIMEOUT = 10.0
"""Seconds to connect, and between two bytes."""

Reader = Callable[[str], SecretStr | None]
"""Gives the secret of a name."""

_ANSWER = 200
_READ = 4096
_NO_PROXIES: dict[str, Any] = {"http": None, "https": None, "all": None}
_SHORTEST_SECRET = 6


class DeliveryError(MetaPipelineError):
    """A channel did not take a message. Holds neither address nor password.

    With `is_refusal` the channel works but did not want this message; without, it is out of
    order, and the next one need not be tried.
    """

    def __init__(self, message: str, *, hint: str | None = None, is_refusal: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.is_refusal = is_refusal


class Channel(Protocol):
    """Something that takes messages. `name` is what it is called, and holds no secret."""

    @property
    def name(self) -> str:
        """How people and the ledger know it."""
        ...

    def send(self, message: Message) -> str:
        """Delivers the message; returns what came back. Raises `DeliveryError`, `ConfigError`."""
        ...


def channels_of(alerts: Alerts, settings: Settings) -> list[Channel]:
    """The channels that clients.yml names. Secrets are read when something is sent."""
    return [
        *(Webhook(variable) for variable in alerts.webhook_env),
        *(Mail(email) for email in alerts.email),
        *(File(settings.home / path.expanduser()) for path in alerts.file),
    ]


class Webhook:
    """Posts `{"text": ...}`, as Slack, Mattermost and others take it, to a secret address."""

    def __init__(self, variable: str, read: Reader = read_secret) -> None:
        self._read = read
        self._variable = variable

    @property
    def name(self) -> str:
        """The variable's name; the address is a secret."""
        return f"webhook {self._variable}"

    def send(self, message: Message) -> str:
        """Delivered when the answer is 2xx. Redirects are not followed; TLS is verified."""
        url, parts = self._address()
        try:
            # No proxy serves this machine.
            proxies = _NO_PROXIES if parts.hostname in LOOPBACK else {}
            with requests.Session() as session, _unlogged():
                status, body = _posted(session, url, {"text": _escaped(message.text)}, proxies)
        except (requests.RequestException, HTTPError, ValueError) as error:
            # Its text holds the address.
            raise DeliveryError(
                f"{self.name}: {parts.hostname} cannot be reached: {type(error).__name__}",
                hint=_tls_hint(is_tls=isinstance(error, requests.exceptions.SSLError)),
            ) from None
        said = _shown(body, _secrets(url, parts))
        if not 200 <= status < 300:
            raise DeliveryError(
                f"{self.name}: {parts.hostname} answered {status}: {said}",
                hint=f"is the address in {self._variable} still valid?",
                is_refusal=400 <= status < 500,
            )
        return f"{parts.hostname} answered {status}: {said}"

    def _address(self) -> tuple[str, SplitResult]:
        url = _text(self._read(self._variable), self._variable, self.name)
        parts = _parts_of(url)
        if parts is None:
            raise ConfigError(
                f"{self.name}: the variable holds no web address",
                hint="it looks like https://hooks.slack.com/services/...",
            )
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ConfigError(
                f"{self.name}: the address is http, so it could be read on its way",
                hint="use https; http is for this machine alone",
            )
        return url, parts


class Mail:
    """Sends plain e-mail over SMTP, to all recipients at once."""

    def __init__(self, email: Email, read: Reader = read_secret) -> None:
        self._read = read
        self._email = email

    @property
    def name(self) -> str:
        """To whom, by which server."""
        return f"email {', '.join(self._email.to)} by {self._email.host}:{self._email.port}"

    def send(self, message: Message) -> str:
        """Delivered when the server has taken it for at least one recipient."""
        password = ""
        if variable := self._email.password_env:
            password = _text(self._read(variable), variable, self.name)
        mail = self._mail(message)
        with self._explained(password):
            server = self._connected()
            try:
                if self._email.starttls and self._email.port != IMPLICIT_TLS_PORT:
                    server.starttls(context=ssl.create_default_context())
                if self._email.user:
                    server.login(self._email.user, password)
                refused = server.send_message(mail)
                # What has been taken is taken, whatever comes of the goodbye.
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
            finally:
                server.close()
        if refused:
            return f"taken by {self._email.host}, but not for {', '.join(sorted(refused))}"
        return f"taken by {self._email.host}"

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = message.title
        mail["From"] = self._email.sender
        mail["To"] = ", ".join(self._email.to)
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = make_msgid(NAME, self._email.sender.rpartition("@")[2])
        # No vacation notice answers it (RFC 3834).
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text + "\n")
        return mail

    def _connected(self) -> smtplib.SMTP:
        if self._email.port == IMPLICIT_TLS_PORT:
            return smtplib.SMTP_SSL(
                self._email.host,
                self._email.port,
                timeout=TIMEOUT,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(self._email.host, self._email.port, timeout=TIMEOUT)

    @contextmanager
    def _explained(self, password: str) -> Iterator[None]:
        """Turns what SMTP and the network raise into a `DeliveryError` without the password."""
        try:
            yield
        except smtplib.SMTPAuthenticationError as error:
            # What the server says of it may repeat what it was sent.
            raise DeliveryError(
                f"{self.name}: user or password is refused ({error.smtp_code})",
                hint=f"check user and the password in {self._email.password_env}",
            ) from None
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            raise DeliveryError(
                f"{self.name}: answered {error.smtp_code}: {_shown(text, [password])}",
                is_refusal=error.smtp_code >= 500,
            ) from None
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryError(
                f"{self.name}: refused for {', '.join(sorted(error.recipients))}",
                hint="check the addresses under to:",
                is_refusal=True,
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError(
                f"{self.name}: {_shown(str(error), [password])}",
                hint="port 465 speaks TLS from the start; starttls: false is for a server of your "
                "own network",
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            is_tls = isinstance(error, ssl.SSLError)
            reason = "its certificate is not accepted" if is_tls else type(error).__name__
            raise DeliveryError(
                f"{self.name}: cannot be reached: {reason}", hint=_tls_hint(is_tls=is_tls)
            ) from None


class File:
    """Adds one line of JSON for each message to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """The file's path."""
        return f"file {self._path}"

    def send(self, message: Message) -> str:
        """Delivered when the line is on the disk."""
        line = orjson.dumps(
            {
                "schema": 1,
                "at": message.at,
                "event": message.event,
                "severity": message.severity,
                "clients": message.clients,
                "what": message.what,
                "since": message.since,
                "next_step": message.next_step,
                "text": message.text,
            }
        )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # In one write, so that lines of two processes do not mix.
            with self._path.open("ab", buffering=0) as file:
                if file.write(line + b"\n") <= len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
        except OSError as error:
            raise DeliveryError(
                f"{self.name}: cannot be written: {error.strerror}",
                hint="check that the folder exists, has room, and may be written to",
            ) from None
        return "written"


def _posted(
    session: requests.Session, url: str, document: object, proxies: dict[str, Any]
) -> tuple[int, str]:
    """Status and beginning of the answer; a redirect is an answer like any other."""
    with session.post(
        url,
        json=document,
        proxies=proxies,
        timeout=TIMEOUT,
        allow_redirects=False,
        stream=True,
    ) as answer:
        body = b""
        # What has been taken is taken, also when the rest of the answer does not come.
        with suppress(requests.RequestException, HTTPError):
            body = next(answer.iter_content(_READ), b"")
        return answer.status_code, body.decode("utf-8", "replace")


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keeps the address out of the debugging lines of the HTTP library, of this thread."""
    logger, mine = logging.getLogger("urllib3.connectionpool"), threading.get_ident()

    def others(record: logging.LogRecord) -> bool:
        return record.thread != mine

    logger.addFilter(others)
    try:
        yield
    finally:
        logger.removeFilter(others)


def _text(secret: SecretStr | None, variable: str, whose: str) -> str:
    if secret is None:
        raise ConfigError(
            f"{whose}: {variable} is not set",
            hint=f"export {variable}=... where Dagster's code location runs",
        )
    value = secret.get_secret_value()
    if not value.isascii() or not value.isprintable():
        raise ConfigError(
            f"{whose}: {variable} holds characters that do not belong there",
            hint="copy it again, without line breaks",
        )
    return value


def _parts_of(url: str) -> SplitResult | None:
    """The parts of a web address; None when it is none."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if is_good else None


def _secrets(url: str, parts: SplitResult) -> list[str]:
    """What of an address must not be repeated: all but its host."""
    pieces = [*parts.path.split("/"), *parts.query.split("&"), parts.username, parts.password]
    return [url, parts.path, *(piece for piece in pieces if piece)]


def _shown(text: str, secrets: list[str]) -> str:
    """The beginning of what a server said, without the secrets that it may repeat."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[hidden]")
    return " ".join(text.split())[:_ANSWER] or "nothing"


def _escaped(text: str) -> str:
    """Slack takes <...> and & for commands, such as calling everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _tls_hint(*, is_tls: bool) -> str:
    if is_tls:
        return (
            "certificates are verified: a CA of your own belongs into REQUESTS_CA_BUNDLE (webhook) "
            "or SSL_CERT_FILE (e-mail)"
        )
    return "is the host right, and reachable from here? It is tried again"
