"""Mail under encryption: it arrives, no word goes to a server that is not who it says, one that drips is cut off."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mail_server import Inbox, free_port, words_of
from plugin.channels import email
from plugin.channels.email import DeliveryError, Mail, Post

WAYS = ("tls", "starttls")
PATIENCE, LONGEST = 0.6, 1.2
ANN = Mail("ann@hub.example.org", "New insight", "The tablets came late.", "<p>The tablets came late.</p>", "<1@hub>")


class Dripping(Inbox):
    """Says a letter now and then, and never comes to an end."""

    async def handle_DATA(self, server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        while not server.transport.is_closing():
            server.transport.write(b"2")
            await asyncio.sleep(PATIENCE / 3)
        return "250 OK"


class Sealed(Controller):
    """Speaks under TLS from the first byte, or, where `way` is starttls, only to those who ask for it."""

    def __init__(self, inbox: Inbox, way: str, seal: ssl.SSLContext) -> None:
        self.way, self.seal = way, seal
        inbox.port = free_port()
        first = {"ssl_context": seal} if way == "tls" else {}
        super().__init__(inbox, hostname="127.0.0.1", port=inbox.port, **first)

    def factory(self) -> SMTP:
        later = {"tls_context": self.seal, "require_starttls": True} if self.way == "starttls" else {}
        return SMTP(self.handler, hostname="mail.example.org", **later)


@contextmanager
def serving(inbox: Inbox, way: str, seal: ssl.SSLContext) -> Iterator[Inbox]:
    controller = Sealed(inbox, way, seal)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()


def seal_for(host: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return what a server of that name speaks with, and the certificate that its clients should trust."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown, hidden = folder / f"{host}.pem", folder / f"{host}.key"
    shown.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    hidden.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    seal = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    seal.load_cert_chain(shown, hidden)
    return seal, shown


def post_to(inbox: Inbox, way: str, folder: Path) -> Post:
    return Post("manyvoices@hub.example.org", folder, "localhost", inbox.port, security=way)


@pytest.mark.parametrize("way", WAYS)
def test_a_mail_arrives_under_encryption(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal, certificate = seal_for("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(Inbox(), way, seal) as inbox:
        email.send(post_to(inbox, way, tmp_path), ANN)
    (mail,) = inbox.mails
    assert (inbox.recipients, words_of(mail).strip()) == ([ANN.recipient], ANN.text)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("whose", ["somebody else's", "nobody's that we know"])
def test_a_server_that_is_not_who_it_says_gets_no_word(
    way: str, whose: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal, certificate = seal_for("elsewhere.example.org" if whose == "somebody else's" else "localhost", tmp_path)
    if whose == "somebody else's":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(Inbox(), way, seal) as inbox, pytest.raises(DeliveryError) as told:
        email.send(post_to(inbox, way, tmp_path), ANN)
    assert (inbox.mails, told.value.permanent, told.value.is_unsure) == ([], False, False)
    assert str(told.value) == "the mail server could not be reached (SSLCertVerificationError)"


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_drips_under_encryption_is_cut_off(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal, certificate = seal_for("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(email, "PATIENCE", PATIENCE)
    monkeypatch.setattr(email, "LONGEST", LONGEST)
    with serving(Dripping(), way, seal) as inbox, pytest.raises(DeliveryError) as told:
        email.send(post_to(inbox, way, tmp_path), ANN)
    # It drips for ever, so to come back at all is half of the proof; it may have taken the words.
    assert str(told.value) == f"the mail server took longer than {LONGEST} seconds"
    assert (told.value.permanent, told.value.is_unsure) == (False, True)
