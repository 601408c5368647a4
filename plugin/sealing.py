"""Seal what must be kept but not read by whoever holds the database: one derived key for each purpose."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# Bytes; the length that AES-GCM is made for (NIST SP 800-38D, section 8.2).
NONCE = 12


class CannotUnseal(Exception):  # noqa: N818 - named for the fact
    """None of our keys fits: the secret key was changed and the old one is not among the fallbacks."""


class Vault:
    """Seals with the newest of its keys and unseals with any of them.

    A purpose has a key of its own, so that what was sealed for one is of no use for another.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("a vault needs a key")
        self._keys = tuple(keys)

    def __repr__(self) -> str:
        return f"Vault({len(self._keys)} keys)"

    def seal(self, purpose: str, text: str) -> str:
        """Return the text sealed for this purpose."""
        return self._fernet(purpose).encrypt(text.encode()).decode("ascii")

    def unseal(self, purpose: str, sealed: str) -> str:
        """Return the text that was sealed for this purpose; raise CannotUnseal where no key fits."""
        try:
            return self._fernet(purpose).decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise CannotUnseal(f"sealed for {purpose} with a key that we do not have") from None

    def key_for(self, purpose: str) -> bytes:
        """Return 32 bytes for this purpose alone, for signing and for digests."""
        return _derived(self._keys[0], purpose)

    def _fernet(self, purpose: str) -> MultiFernet:
        # "seal:" keeps these keys apart from key_for's, whatever a purpose is called.
        keys = (_derived(key, f"seal:{purpose}") for key in self._keys)
        return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])


def seal_under(token: str, content: bytes) -> bytes:
    """Return the content sealed so that only who has the token of a link can open it: no key of ours can."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(_derived(token, "link")).encrypt(nonce, content, None)


def unseal_under(token: str, sealed: bytes) -> bytes:
    """Return what was sealed under this token; raise CannotUnseal for another one."""
    try:
        return AESGCM(_derived(token, "link")).decrypt(sealed[:NONCE], sealed[NONCE:], None)
    except InvalidTag:
        raise CannotUnseal("sealed under another link") from None


def _derived(key: str, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=f"manyvoices:{purpose}".encode()).derive(key.encode())
