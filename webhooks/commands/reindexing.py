"""Commands for the desk: desk reindex."""

import sys

import click

from webhooks.cli import Commands
from webhooks.commands.communities import named
from webhooks.commands.starting import database, settings


@click.command()
@click.argument("slug", required=False)
def reindex(slug: str | None) -> None:
    """Make anew what insights are found by: of one community, or of all. The service may run meanwhile.

    For insights from before it was kept, and after MANYVOICES_SECRET_KEY was changed. Stopped halfway, it does no harm
    and starts over.
    """
    from tqdm import tqdm

    from plugin.rereading import index_again
    from plugin.store.communities import all_communities
    from plugin.store.opening import reading
    from webhooks.app import service_on

    found, done = settings(), 0
    with database(found) as db:
        with reading(db) as conn:
            chosen = [named(conn, slug)] if slug else all_communities(conn)
        service = service_on(db, found)
        with tqdm(total=None, desc="Indexing", unit="insight", disable=not sys.stderr.isatty(), leave=False) as bar:
            for done, bar.total in index_again(service, [community.id for community in chosen]):
                bar.update(done - bar.n)
        service.jobs.close()
    click.echo(f"{done:,} {'insight' if done == 1 else 'insights'} can be found by their words.")


COMMANDS = {"reindex": (f"{__name__}:reindex", "Make anew what insights are found by.")}

desk = Commands(COMMANDS, help="What the desk finds insights by.")
