"""What takes messages on loopback: a webhook and an SMTP server, which write down what comes."""

import base64
import email
import io
import json
import shutil
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest


@dataclass
class HttpSink:
    """A webhook: `status`, `body` and `headers` are its answer, `posts` what it was sent."""

    url: str = ""
    status: int = 200
    body: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The messages that arrived and were taken."""
        return [document["text"] for _, document in self.posts]


@contextmanager
def running_webhook(certificate: Path | None = None) -> Iterator[HttpSink]:
    """A webhook on a free port; https with a certificate."""
    sink = HttpSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if sink.status == 200:
                sink.posts.append((self.path, json.loads(content)))
            self.send_response(sink.status)
            for name, value in sink.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sink.body.encode())

        def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            pass  # a client that does not trust the certificate hangs up

    with Server(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            server.socket = _context(certificate).wrap_socket(server.socket, server_side=True)
        sink.url = f"{scheme}://127.0.0.1:{server.server_port}"
        with _served(server):
            yield sink


@dataclass
class SmtpSink:
    """A mail server: `mails` are what it took, `refuses` recipients that it does not know."""

    port: int = 0
    password: str = ""
    certificate: Path | None = None
    refuses: set[str] = field(default_factory=set)
    answer_to_data: str = "250 taken"
    answer_to_quit: str = "221 bye"
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    is_implicit: bool = False
    was_encrypted: bool = False


@contextmanager
def running_smtp(certificate: Path | None = None, **options: Any) -> Iterator[SmtpSink]:
    """A mail server on a free port; it offers STARTTLS with a certificate."""
    sink = SmtpSink(certificate=certificate, **options)
    with socketserver.ThreadingTCPServer(
        ("127.0.0.1", 0), lambda *of: _SmtpHandler(sink, *of)
    ) as server:
        sink.port = server.server_address[1]
        with _served(server):
            yield sink


class _SmtpHandler(socketserver.StreamRequestHandler):
    """One connection to the mail server."""

    def __init__(self, sink: SmtpSink, *of: Any) -> None:
        self.sink = sink
        super().__init__(*of)

    def handle(self) -> None:
        commands = {
            "EHLO": self.greet,
            "STARTTLS": self.encrypt,
            "AUTH": self.log_in,
            "RCPT": self.know,
            "DATA": self.take,
        }
        if self.sink.is_implicit and not self.handshake():
            return
        self.say("220 sink")
        while line := self.rfile.readline().decode().strip():
            name = line.split()[0].upper()
            if name == "QUIT":
                self.say(self.sink.answer_to_quit)
                return
            commands.get(name, lambda _: self.say("250 fine"))(line)

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    def greet(self, _: str) -> None:
        offers = ["250-STARTTLS"] if self.sink.certificate else []
        self.say("250-sink", *offers, "250 AUTH PLAIN")

    def encrypt(self, _: str) -> None:
        self.say("220 go on")
        self.handshake()

    def handshake(self) -> bool:
        assert self.sink.certificate is not None
        try:
            self.request = _context(self.sink.certificate).wrap_socket(
                self.request, server_side=True
            )
        except OSError:
            self.rfile = io.BytesIO()  # a client that does not trust the certificate hangs up
            return False
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
        self.sink.was_encrypted = True
        return True

    def log_in(self, line: str) -> None:
        given = line.split()[2]
        password = base64.b64decode(given).decode().split("\0")[2]
        good = password == self.sink.password
        self.say("235 welcome" if good else f"535 no entry with {password}")

    def know(self, line: str) -> None:
        address = line.partition("<")[2].partition(">")[0]
        if address in self.sink.refuses:
            self.say("550 nobody of that name")
            return
        self.sink.recipients.append(address)
        self.say("250 known")

    def take(self, _: str) -> None:
        self.say("354 go on")
        content = b"".join(iter(self.rfile.readline, b".\r\n"))
        if self.sink.answer_to_data.startswith("250"):
            mail = email.message_from_bytes(content, policy=default)
            self.sink.mails.append(cast(EmailMessage, mail))
        self.say(self.sink.answer_to_data)


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def made_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not here")
    path, key = folder / "certificate.pem", folder / "key.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", *kind, *subject, "-keyout", str(key), "-out", str(path)],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + key.read_text())
    return path


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
