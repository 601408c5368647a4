"""Know words again that somebody kept with us and then posted, without keeping the words."""

import hmac
import unicodedata
from datetime import timedelta

from plugin.wording import tidy_text

# What is kept goes when its writer says so, and after this at the latest.
LASTS = timedelta(hours=72)


def fingerprint(key: bytes, discussion_id: int, text: str) -> str:
    """Return what the same words in the same discussion always have, and what says nothing of them without the key."""
    told = f"{discussion_id}\n{normalised(text)}".encode()
    return hmac.digest(key, told, "sha256").hex()


def normalised(text: str) -> str:
    """Return the text as it is whatever a forum does to its line ends and blanks."""
    return " ".join(unicodedata.normalize("NFC", tidy_text(text)).split())
