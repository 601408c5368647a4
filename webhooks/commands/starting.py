"""What every command begins with: the settings, and a database that answers. Or one plain sentence."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import sqlalchemy as sa

    from webhooks.settings import Settings

# sysexits.h: something was found in an unconfigured or misconfigured state.
MISCONFIGURED = 78


def settings() -> "Settings":
    """Return the settings; where they cannot be used, say all that is wrong with them and exit 78."""
    from webhooks.settings import BadSettings, settings_from

    # What we write holds people's words and our keys: for the owner's eyes only.
    os.umask(0o077)
    try:
        return settings_from(os.environ)
    except BadSettings as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(MISCONFIGURED)


@contextmanager
def database(settings: "Settings") -> Iterator["sa.Engine"]:
    """Yield the database; what goes wrong with it ends the command with one sentence, not with a traceback."""
    import sqlalchemy as sa

    from plugin.store.opening import open_database

    if settings.is_sqlite:
        _make_folder(settings.database_url)
    db = open_database(settings.database_url)
    try:
        yield db
    except (sa.exc.OperationalError, sa.exc.ProgrammingError) as error:
        raise click.ClickException(_sentence(error)) from None
    finally:
        db.dispose()


def at_terminal() -> bool:
    """Return whether a person reads what we print; what lets somebody in is shown to a person only."""
    return sys.stdout.isatty()


def record_command(
    conn: "sa.Connection",
    settings: "Settings",
    act: str,
    subject: str,
    *,
    community_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add to the trail what somebody did by a command; who sits at the terminal is not known to us."""
    from plugin.store.audit import record

    record(
        conn,
        settings.vault(),
        by="operator",
        act=act,
        subject=subject,
        at=datetime.now(UTC),
        community_id=community_id,
        before=before,
        after=after,
    )


def _make_folder(url: str) -> None:
    folder = Path(url.removeprefix("sqlite:///")).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"The folder {folder} cannot be made ({error.strerror}).") from None


def _sentence(error: "sa.exc.DBAPIError") -> str:
    # The driver's own words may hold the address of the database with its password.
    told = str(error.orig)
    if "no such table" in told or type(error.orig).__name__ == "UndefinedTable":
        return "The database is not up to date. Run `manyvoices migrate` first."
    if "unable to open database file" in told:
        return "The database file cannot be opened. Look at MANYVOICES_DATABASE_URL and at who owns its folder."
    if "locked" in told:
        return "The database is busy. Please try again."
    if "disk is full" in told:
        return "The disk is full: nothing was changed."
    return f"The database does not answer ({type(error.orig).__name__}). Look at MANYVOICES_DATABASE_URL."
