"""The command for forums that are asked by their own interface: community connect."""

import secrets
import sys

import click

from webhooks.commands.communities import check_url, named, tell_anew
from webhooks.commands.starting import database, settings


@click.command()
@click.argument("slug")
@click.option("--api-url", required=True, help="Where its interface is, such as https://forum.example.org/api.")
@click.option("--setting", "given", multiple=True, help="NAME=VALUE, as the platform's page says; repeatable.")
@click.option("--basic-key", is_flag=True, help="Its hooks carry the key too: refuse those that do not.")
def connect(slug: str, api_url: str, given: tuple[str, ...], basic_key: bool) -> None:
    """Connect a forum by its interface, or again with other settings. The key is asked for, or read from a pipe."""
    from plugin.forums.settings import BadSetting
    from plugin.polling import FORUMS
    from plugin.store.connections import connection_of, save_connection
    from plugin.store.opening import reading, writing
    from webhooks.forums import HINTERS

    pairs = [one.partition("=") for one in given]
    if not all(name and equals for name, equals, _ in pairs):
        raise click.BadParameter("not NAME=VALUE, such as audience=members", param_hint="--setting")
    chosen = {name.strip(): value.strip() for name, _, value in pairs}
    found = settings()
    with database(found) as db:
        with reading(db) as conn:
            community = named(conn, slug)
        if community.platform not in FORUMS:
            raise click.ClickException(f"{slug} is on {community.platform}, which tells us everything by itself.")
        check_url("--api-url", api_url, community.private_host)
        try:
            FORUMS[community.platform].setup_from(chosen)
        except BadSetting as error:
            raise click.BadParameter(str(error), param_hint="--setting") from None
        key = click.prompt("The key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
        key = key.strip()
        if not key:
            raise click.ClickException("No key came: nothing was stored.")
        with writing(db) as conn:
            before = connection_of(conn, found.vault(), community.id)
            token = before.keys["path_token"] if before else secrets.token_urlsafe(32)
            keys = {"api_key": key, "path_token": token, **({"basic_key": key} if basic_key else {})}
            save_connection(conn, found.vault(), community.id, api_url=api_url, keys=keys, settings=chosen)
            tell_anew(found, db, conn, slug)
    address = f"{found.public_url}/webhooks/{community.platform}/{slug}"
    if HINTERS[community.platform].profile:
        click.echo(f"{community.name} is connected. Let the forum post to this address, signed with the secret of")
        click.echo(f"`community add` (a new one: manyvoices community rotate-secret {slug}):\n")
        click.echo(f"    {address}")
    else:
        click.echo(f"{community.name} is connected. Let the forum post to this address, which is a secret:\n")
        click.echo(f"    {address}/{token}")
