"""The command that reads what a forum's people wrote before we were attached: backfill."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from webhooks.commands.communities import named
from webhooks.commands.starting import database, settings

if TYPE_CHECKING:
    from tqdm import tqdm

    from plugin.store.backfills import Backfill

# As a shell says of a program that was stopped by Ctrl-C.
INTERRUPTED = 130


@click.command()
@click.argument("slug")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Leave what is older than this day (UTC).")
@click.option("--again", is_flag=True, help="From the start, whatever was read before.")
def backfill(slug: str, since: datetime | None, again: bool) -> None:
    """Read a whole forum back, at the pace that it permits; goes on where it was stopped.

    What is found is tagged and summarised. Nobody is mailed about it and nothing of it is written back.
    """
    from plugin.backfilling import CannotRead, read_back
    from plugin.polling import FORUMS
    from plugin.store.backfills import backfill_of
    from plugin.store.opening import reading
    from webhooks.app import service_on
    from webhooks.logs import configure_logs

    found = settings()
    configure_logs(found.log_level)
    with database(found) as db:
        with reading(db) as conn:
            community = named(conn, slug)
            before = backfill_of(conn, community.id)
        if community.platform not in FORUMS:
            raise click.ClickException(
                f"{slug} is on {community.platform}, which has no interface to read: it has to tell us by itself."
            )
        service = service_on(db, found)
        last: Backfill | None = None
        from_then = since.replace(tzinfo=UTC) if since else None
        if from_then and before and not again:
            _check_since(from_then, before)
        try:
            with _progress(community.name) as bar:
                for last in read_back(service, community.id, since=from_then, again=again):
                    bar.total = last.total
                    bar.update(last.read - bar.n)
        except CannotRead as error:
            raise click.ClickException(f"{error}. {_so_far(last)}Look with: manyvoices doctor {slug}") from None
        except KeyboardInterrupt:
            click.echo(f"\nStopped. {_so_far(last)}The same command goes on from here.", err=True)
            sys.exit(INTERRUPTED)
        finally:
            service.jobs.close()
    read, new = (last.read, last.found) if last else (0, 0)
    part = f" since {_day(last.since)}" if last and last.since else ""
    click.echo(f"Read {read:,} contributions of {community.name}{part}: {new:,} were new to us.")


def _check_since(since: datetime, before: "Backfill") -> None:
    """Stop with a sentence where an earlier reading would have its way instead."""
    if before.finished_at is None and since != before.since:
        part = f"since {_day(before.since)}" if before.since else "from the start"
        raise click.ClickException(
            f"A reading {part} is not finished: without --since it goes on, with --again one begins anew."
        )
    if before.finished_at and since < before.started_at:
        raise click.ClickException(
            f"It was read back on {_day(before.started_at)}: without --since what is newer is read, "
            "with --again what is older too."
        )


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"


def _so_far(last: "Backfill | None") -> str:
    return f"{last.read:,} contributions were read and are kept. " if last else ""


def _progress(what: str) -> "tqdm[Any]":
    from tqdm import tqdm

    # The forum says how much there is with the first page.
    return tqdm(total=None, desc=what, unit="comment", disable=not sys.stderr.isatty(), leave=False)
