"""Commands for the trail: audit check."""

import sys

import click

from webhooks.cli import Commands
from webhooks.commands.starting import database, settings


@click.command()
def check() -> None:
    """Check that no row of the trail was changed or taken out: 0 where it is whole, 1 with the first broken row.

    Prints the newest row's link. Rows that were cut off at the end leave no gap, so keep it elsewhere to compare.
    """
    from plugin.store.audit import first_broken, last_link
    from plugin.store.opening import reading

    found = settings()
    with database(found) as db, reading(db) as conn:
        broken = first_broken(conn, found.vault())
        newest = last_link(conn)
    if broken is not None:
        click.echo(f"The trail is broken at row {broken}: it was changed, or a row before it was taken out.")
        sys.exit(1)
    click.echo(f"The trail is whole up to row {newest[0]}: {newest[1]}" if newest else "Nothing is in the trail yet.")


COMMANDS = {"check": (f"{__name__}:check", "Check that the trail is as it was written.")}

audit = Commands(COMMANDS, help="The trail of who did what.")
