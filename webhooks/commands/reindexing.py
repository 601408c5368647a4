"""The command that makes what the desk finds insights by anew: desk reindex."""

import sys
from typing import TYPE_CHECKING, Any

import click

from webhooks.cli import Commands
from webhooks.commands.communities import named
from webhooks.commands.starting import database, settings

if TYPE_CHECKING:
    from tqdm import tqdm

# As a shell says of a program that was stopped by Ctrl-C.
INTERRUPTED = 130


@click.command()
@click.argument("slug", required=False)
@click.option("--after", default=0, type=click.IntRange(min=0), help="Go on after this insight.")
def reindex(slug: str | None, after: int) -> None:
    """Make the search words and stakeholder types of all insights anew, or of those of one community.

    Needed once for insights from before the desk had a search, and after MANYVOICES_SECRET_KEY was changed: search
    words are kept as digests that only its key makes. It runs beside the service. Stopped, it says how to go on.
    """
    from plugin.reindexing import indexed, left_to_index
    from plugin.store.opening import reading

    found = settings()
    with database(found) as db:
        with reading(db) as conn:
            community_id = named(conn, slug).id if slug else None
            waiting = left_to_index(conn, community_id, after)
        done, last = 0, after
        try:
            with _progress(waiting) as bar:
                for number, last in indexed(db, found.vault(), community_id, after):  # noqa: B007 - said when it is stopped
                    done += number
                    bar.update(number)
        except KeyboardInterrupt:
            again = " ".join(["manyvoices desk reindex", *([slug] if slug else []), f"--after {last}"])
            click.echo(f"\nStopped. {done:,} insights are done. This goes on from here: {again}", err=True)
            sys.exit(INTERRUPTED)
    click.echo(f"{done:,} insights are found by their words and by who speaks.")


def _progress(total: int) -> "tqdm[Any]":
    from tqdm import tqdm

    return tqdm(total=total, desc="The desk", unit="insight", disable=not sys.stderr.isatty(), leave=False)


COMMANDS = {"reindex": (f"{__name__}:reindex", "Make the search words and types of all insights anew.")}

desk = Commands(COMMANDS, help="The editors’ desk.")
