"""What the running service has at hand: its database, its jobs, its keys and its post."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from plugin.engine import Jobs
from plugin.sealing import Vault


@dataclass(frozen=True, slots=True)
class Post:
    """How mail leaves: by SMTP, or as `.eml` files in `folder` where no server is set.

    `security` is one of starttls, tls, none.
    """

    sender: str
    folder: Path
    host: str | None = None
    port: int = 587
    user: str | None = None
    password: str | None = None
    security: str = "starttls"


@dataclass(frozen=True, slots=True)
class Service:
    """Handed to every handler and view; nothing of it is global.

    `public_url` has no slash at its end; links are built on it and never on what a client says.
    """

    db: sa.Engine
    jobs: Jobs
    vault: Vault
    post: Post
    public_url: str
