"""Commands for the members of a forum: member link."""

import click

from webhooks.cli import Commands
from webhooks.commands.starting import database, settings


@click.command()
@click.argument("slug")
@click.argument("native_id")
def link(slug: str, native_id: str) -> None:
    """Send a member the link to their own page, to their inbox on the forum. NATIVE_ID is what the forum calls them."""
    from plugin.store.authors import author_id_of
    from plugin.store.communities import community_by_slug
    from plugin.store.opening import writing
    from plugin.telling import send_private_link
    from webhooks.app import service_on

    found = settings()
    with database(found) as db, writing(db) as conn:
        community = community_by_slug(conn, slug)
        if community is None:
            raise click.ClickException(f"There is no community {slug}. `manyvoices community list` shows them.")
        author_id = author_id_of(conn, community.id, native_id)
        if author_id is None:
            raise click.ClickException("We have never heard of a member with this id.")
        service = service_on(db, found)
        if not send_private_link(service, conn, community, author_id):
            raise click.ClickException("It cannot be sent: the forum takes nothing back, or this member has left.")
        service.jobs.close()
    # The link itself is for its owner only.
    click.echo("The link is put up for sending to their inbox on the forum.")


COMMANDS = {"link": (f"{__name__}:link", "Send a member the link to their own page.")}

member = Commands(COMMANDS, help="The members of a forum.")
