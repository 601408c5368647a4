"""Commands for the programs that are told of insights: receivers add, list, remove."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from webhooks.cli import Commands
from webhooks.commands.starting import database, record_command, settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from plugin.store.communities import Community


@click.command()
@click.argument("slug")
@click.argument("name")
@click.argument("url")
def add(slug: str, name: str, url: str) -> None:
    """Add a receiver to a community, and print its secret: this once and never again."""
    from plugin.channels.webhook import address_mistake
    from plugin.outcomes import NotAllowed
    from plugin.store.opening import writing
    from plugin.store.receivers import add_receiver
    from webhooks.signatures import new_secret

    found, secret = settings(), new_secret()
    with database(found) as db, writing(db) as conn:
        community = _named(conn, slug)
        if mistake := address_mistake(url, community.private_host):
            raise click.BadParameter(mistake, param_hint="URL")
        try:
            new = add_receiver(conn, found.vault(), community.id, name, url, secret, datetime.now(UTC))
        except NotAllowed as wrong:
            raise click.ClickException(str(wrong)) from None
        after = {"name": name, "url": url}
        record_command(conn, found, "receiver_added", f"receiver:{new}", community_id=community.id, after=after)
    click.echo(f"{name} is added. Nothing goes to it before a rule says so: {found.public_url}/desk/routes/{slug}\n")
    click.echo("What it gets is signed with this secret, which is not shown again:\n")
    click.echo(f"    {secret}")


@click.command("list")
def list_() -> None:
    """List the receivers, a line each; their secrets are never shown."""
    from plugin.store.communities import all_communities
    from plugin.store.opening import reading
    from plugin.store.receivers import receivers_of

    with database(settings()) as db, reading(db) as conn:
        for community in all_communities(conn):
            for one in receivers_of(conn, [community.id]):
                stopped = f"stopped {one.stopped_at:%d %B %Y}: {one.stop_reason}" if one.stopped_at else "live"
                click.echo(f"{community.slug}\t{one.name}\t{one.url}\t{stopped}")


@click.command()
@click.argument("slug")
@click.argument("name")
def remove(slug: str, name: str) -> None:
    """Remove a receiver, with the rules that are for it."""
    from plugin.store.opening import writing
    from plugin.store.receivers import receivers_of, remove_receiver

    told = settings()
    with database(told) as db, writing(db) as conn:
        community = _named(conn, slug)
        found = next((one for one in receivers_of(conn, [community.id]) if one.name == name), None)
        if found is None:
            raise click.ClickException("There is no such receiver. `manyvoices receivers list` shows them.")
        remove_receiver(conn, community.id, found.id)
        record_command(conn, told, "receiver_removed", f"receiver:{found.id}", community_id=community.id)
    click.echo("The receiver is removed.")


def _named(conn: "sa.Connection", slug: str) -> "Community":
    from plugin.store.communities import community_by_slug

    found = community_by_slug(conn, slug)
    if found is None:
        raise click.ClickException(f"There is no community {slug}. `manyvoices community list` shows them.")
    return found


COMMANDS = {
    "add": ("webhooks.commands.receivers:add", "Add a receiver, and print its secret once."),
    "list": ("webhooks.commands.receivers:list_", "List the receivers, a line each."),
    "remove": ("webhooks.commands.receivers:remove", "Remove a receiver, with the rules that are for it."),
}

receivers = Commands(COMMANDS, help="Add, list or remove programs that are told of insights.")
