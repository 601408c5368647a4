"""Commands that set the service up and run it: migrate, serve, worker."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhooks.commands.starting import at_terminal, database, settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from webhooks.commands.practising import Practice
    from webhooks.settings import Settings


@click.command()
def migrate() -> None:
    """Bring the database up to date."""
    from plugin import engine
    from plugin.store.migrating import migrate_tables

    found = settings()
    with database(found) as db:
        engine.migrate(db)
        migrate_tables(db)
    click.echo("The database is up to date.")


@click.command()
@click.option("--practice", is_flag=True, help="Serve a practice forum beside it; for this machine only.")
def serve(practice: bool) -> None:
    """Answer webhooks and show the pages; on SQLite, do the work as well."""
    from contextlib import nullcontext

    from webhooks.logs import configure_logs
    from webhooks.server import AlreadyServing, Server, is_free, only_one

    found = settings()
    configure_logs(found.log_level)
    try:
        with only_one(_file(found)) if found.is_sqlite else nullcontext():
            with database(found) as db:
                _look(db)
                practising = _practice(found, db) if practice else None
            if not is_free(found.host, found.port):
                raise click.ClickException(
                    f"Nothing can listen on {found.host}, port {found.port}: it is taken, or not ours. "
                    "Set MANYVOICES_PORT to another."
                )
            works = found.is_sqlite or practice
            Server(found, practising=practice, works=works, announce=lambda: _announce(found, practising)).run()
    except AlreadyServing:
        raise click.ClickException("Another `manyvoices serve` is at work on this database.") from None


@click.command()
def worker() -> None:
    """Do the work that `serve` takes in; any number of these, on PostgreSQL."""
    from plugin import engine
    from plugin.jobs import CHORES, JOBS
    from plugin.listening import warm_up
    from webhooks.app import service_from
    from webhooks.logs import configure_logs

    found = settings()
    if found.is_sqlite:
        raise click.ClickException("On SQLite, `manyvoices serve` does the work itself.")
    configure_logs(found.log_level)
    # Blocked before the first thread starts, so that every thread leaves them to the wait below.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    with database(found) as db:
        _look(db)
    service = service_from(found)
    warm_up()
    try:
        engine.start(service, JOBS, CHORES, worker=found.worker_name)
        click.echo(f"Working as {found.worker_name}.")
        signal.sigwait(ENDINGS)
        engine.stop()
    except engine.NameTaken as error:
        raise click.ClickException(str(error)) from None
    finally:
        service.jobs.close()
        service.db.dispose()


def _file(found: "Settings") -> Path:
    path = Path(found.database_url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _look(db: "sa.Engine") -> None:
    """Ask the database something, so that one which is not up to date is noticed now."""
    from plugin.store.communities import all_communities
    from plugin.store.opening import reading

    with reading(db) as conn:
        all_communities(conn)


def _practice(found: "Settings", db: "sa.Engine") -> "Practice":
    from webhooks.commands.practising import CannotPractise, prepared_practice

    try:
        return prepared_practice(found, db, with_link=at_terminal())
    except CannotPractise as error:
        raise click.ClickException(str(error)) from None


def _announce(found: "Settings", practice: "Practice | None") -> None:
    click.echo(f"Many Voices is at {found.public_url}")
    if practice:
        click.echo(practice.in_words())
    sys.stdout.flush()


ENDINGS = {signal.SIGTERM, signal.SIGINT}
