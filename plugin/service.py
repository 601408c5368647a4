"""What the running service has at hand: its database, its jobs, its keys and its post."""

from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from plugin.channels.email import Post
from plugin.channels.webhook import Pace
from plugin.engine import Jobs
from plugin.sealing import Vault


@dataclass(frozen=True, slots=True)
class Service:
    """Handed to every handler and view; nothing of it is global.

    `public_url` has no slash at its end; links are built on it and never on what a client says. `pace` holds back what
    we tell a forum. `lexicons` is the folder where communities keep words of their own.
    """

    db: sa.Engine
    jobs: Jobs
    vault: Vault
    post: Post
    public_url: str
    pace: Pace = field(default_factory=Pace)
    lexicons: Path | None = None
