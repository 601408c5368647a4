"""What the forum's owner sets in `flaskbb.cfg` (or as `FLASKBB_MANYVOICES_…` in the environment)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask, current_app

from manyvoices_flaskbb.signing import BadSecret, secret_bytes

log = logging.getLogger(__name__)
NAME = "manyvoices_flaskbb"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where we send to, who we are there, and how patient we are.

    `keys` are the live secrets: the first signs what we send, all of them open what we get. `retry` are seconds, the
    last of which is repeated; `sweep` is how often the whole forum is compared, in seconds.
    """

    url: str
    community: str
    forum_url: str
    keys: tuple[bytes, ...]
    sender: str
    retry: tuple[float, ...]
    most_a_second: float
    sweep: float
    asks: bool
    invites: bool

    def __repr__(self) -> str:
        return f"<Settings {self.community}>"

    @property
    def door(self) -> str:
        """The address that deliveries go to."""
        return f"{self.url}/webhooks/standard/{self.community}"

    def panel_at(self, page: str) -> str:
        """Return the address of the invitation under this page."""
        return f"{self.url}/members/{self.community}/panel?url={quote(page, safe='')}"

    def address(self, app: Flask, endpoint: str, **values: Any) -> str:
        """Return the full address of a page of the forum. It never trusts the Host that a request names."""
        parts = urlsplit(self.forum_url)
        urls = app.url_map.bind(parts.netloc, parts.path or "/", url_scheme=parts.scheme)
        return urls.build(endpoint, values, force_external=True)


def settings() -> Settings | None:
    """Return the settings of this forum, or None while it is not attached to anything."""
    found: Settings | None = current_app.extensions.get(NAME)
    return found


def settings_from(config: dict[str, Any]) -> Settings | None:
    """Return the settings that a configuration holds, or None with a line in the log that says what is missing."""
    needed = ("MANYVOICES_URL", "MANYVOICES_COMMUNITY", "MANYVOICES_FORUM_URL", "MANYVOICES_SECRET")
    missing = [name for name in needed if not config.get(name)]
    secrets = config.get("MANYVOICES_SECRET") or ()
    try:
        keys = tuple(map(secret_bytes, secrets.split() if isinstance(secrets, str) else secrets))
    except BadSecret:
        missing.append("a MANYVOICES_SECRET that begins with whsec_ and was copied whole")
    addresses = [str(config.get(name, "")) for name in needed if name.endswith("URL")]
    if not missing and not all(urlsplit(one).scheme in ("http", "https") and urlsplit(one).netloc for one in addresses):
        missing.append("a MANYVOICES_URL and a MANYVOICES_FORUM_URL that begin with https://")
    if missing:
        log.warning("Many Voices is not attached. Set in flaskbb.cfg: %s", ", ".join(missing))
        return None
    return Settings(
        url=config["MANYVOICES_URL"].rstrip("/"),
        community=config["MANYVOICES_COMMUNITY"],
        forum_url=config["MANYVOICES_FORUM_URL"].rstrip("/"),
        keys=keys,
        sender=config.get("MANYVOICES_SENDER", "thread"),
        retry=_seconds(config.get("MANYVOICES_RETRY_SECONDS", (5, 30, 120, 300))),
        most_a_second=float(config.get("MANYVOICES_MOST_A_SECOND", 20)),
        sweep=float(config.get("MANYVOICES_SWEEP_SECONDS", 3600)),
        asks=bool(config.get("MANYVOICES_ASK", True)),
        invites=bool(config.get("MANYVOICES_INVITE", True)),
    )


def _seconds(value: float | Sequence[float]) -> tuple[float, ...]:
    return tuple(map(float, value)) if isinstance(value, Sequence) else (float(value),)
