"""Set the practice community up: a forum of made-up people, on this machine only."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa

from plugin.sealing import Vault
from plugin.store.communities import (
    add_community,
    add_secret,
    all_communities,
    change_community,
    forget_retired_secrets,
    move_community,
    retire_secrets,
)
from plugin.store.opening import writing
from plugin.store.staff import account_id, add_staff, new_sign_in_link
from plugin.store.write_backs import resume_writing_back
from webhooks.practice import publish
from webhooks.settings import LOOPBACK, Settings
from webhooks.signatures import BadSecret, new_secret, secret_bytes

SLUG = "practice"
STAFF = "practice@example.org"


class CannotPractise(Exception):  # noqa: N818 - named for the fact
    """Practice would stand beside something real."""


@dataclass(frozen=True, slots=True)
class Practice:
    """What somebody who practises can open. `link` is None where nobody would read it at a terminal."""

    url: str
    link: str | None

    def in_words(self) -> str:
        """Return what to open, a line each."""
        sign_in = self.link or f"run `manyvoices staff add {STAFF}` in a terminal for a link"
        return "\n".join(
            f"  {name:<18}{place}"
            for name, place in (
                ("practice forum", f"{self.url}/practice/"),
                ("sign in", sign_in),
                ("editors' desk", f"{self.url}/desk/"),
                ("summaries", f"{self.url}/moderators/"),
            )
        ) + ("\nThe sign-in link works once, for 15 minutes." if self.link else "")


def prepared_practice(settings: Settings, db: sa.Engine, *, with_link: bool) -> Practice:
    """Make what practice needs where it is not there yet; raise CannotPractise beside anything real."""
    if settings.host not in LOOPBACK or not settings.is_loopback:
        raise CannotPractise(
            "Practice is for this machine only: leave MANYVOICES_HOST and MANYVOICES_PUBLIC_URL as they are."
        )
    now = datetime.now(UTC)
    with writing(db) as conn:
        if any(not found.is_practice for found in all_communities(conn)):
            raise CannotPractise(
                "A real community is attached here. Practise in another place: set MANYVOICES_DATA_DIR to a new folder."
            )
        community_id = _community(conn, settings.public_url)
        _let_it_be_told(conn, community_id, settings.public_url)
        publish(conn, community_id, settings.public_url)
        _keep_secret(conn, settings.vault(), community_id, settings.data_dir / "practice_secret", now)
        user_id = account_id(conn, STAFF) or add_staff(conn, STAFF, "admin", None)
        link = f"{settings.public_url}/staff/enter/{new_sign_in_link(conn, user_id, now)}" if with_link else None
    return Practice(settings.public_url, link)


def _community(conn: sa.Connection, public_url: str) -> int:
    """Return the id of the practice community, which stands where we do, whatever our port is today."""
    base_url, sign_up_url, sign_in_url = (f"{public_url}/practice{page}" for page in ("", "/sign-up", "/sign-in"))
    known = all_communities(conn)
    if known:
        move_community(conn, known[0].id, base_url=base_url, sign_up_url=sign_up_url, sign_in_url=sign_in_url)
        return known[0].id
    return add_community(
        conn,
        slug=SLUG,
        platform="standard",
        name="The practice forum",
        base_url=base_url,
        sign_up_url=sign_up_url,
        sign_in_url=sign_in_url,
        editorial_address="editors@example.org",
        moderators_address="moderators@example.org",
        wait_minutes=0,
        is_practice=True,
    )


def _let_it_be_told(conn: sa.Connection, community_id: int, public_url: str) -> None:
    """Let the practice forum take what it is told, wherever it stands today."""
    change_community(
        conn,
        community_id,
        write_back_url=f"{public_url}/practice/write-backs",
        private_host=urlsplit(public_url).hostname,
        public_tags="consented",
    )
    resume_writing_back(conn, community_id)


def _keep_secret(conn: sa.Connection, vault: Vault, community_id: int, path: Path, now: datetime) -> None:
    """Have one live secret, and the same in a file for `manyvoices send`."""
    secret = _kept(path) or new_secret()
    retire_secrets(conn, community_id, except_newest=False, at=now)
    forget_retired_secrets(conn, now)
    add_secret(conn, vault, community_id, secret)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    os.chmod(path, 0o600)
    path.write_text(secret + "\n", encoding="ascii")


def _kept(path: Path) -> str | None:
    try:
        secret = path.read_text(encoding="ascii").strip()
        secret_bytes(secret)
    except (OSError, UnicodeDecodeError, BadSecret):
        return None
    return secret
