"""Bring a database up to date."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from plugin.store.opening import writing


def migrate_tables(db: sa.Engine) -> None:
    """Bring our own tables up to the newest revision, in one transaction."""
    with writing(db) as conn:
        command.upgrade(alembic_config(conn), "head")


def is_up_to_date(conn: sa.Connection) -> bool:
    """Return whether our own tables are at the newest revision."""
    script = ScriptDirectory.from_config(alembic_config(conn))
    return MigrationContext.configure(conn).get_current_revision() == script.get_current_head()


def alembic_config(conn: sa.Connection) -> Config:
    """Return what Alembic needs to know to work on this connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = conn
    return config
