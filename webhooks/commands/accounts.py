"""Commands for the staff's accounts: staff add, list, remove."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import click

from webhooks.cli import Commands
from webhooks.commands.starting import at_terminal, database, record_command, settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from plugin.store.staff import StaffRole
    from webhooks.settings import Settings

ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+")


@click.command()
@click.argument("email")
@click.option("--role", type=click.Choice(["editor", "moderator", "admin"]), help="What they are to do.")
@click.option("--community", "slug", help="The community that it is for.")
@click.option("--all", "everywhere", is_flag=True, help="It is for every community.")
def add(email: str, role: str | None, slug: str | None, everywhere: bool) -> None:
    """Give somebody a role, and print a link that signs them in once, within 15 minutes.

    For somebody who has an account, without --role: a new link only.
    """
    from plugin.store.opening import writing

    address = _address(email)
    if role and bool(slug) == everywhere:
        raise click.UsageError("Say whom the role is for: --community SLUG or --all.")
    if not role and (slug or everywhere):
        raise click.UsageError("Say what they are to do: --role editor, moderator or admin.")
    found = settings()
    with database(found) as db, writing(db) as conn:
        user_id = _with_role(conn, found, address, role, slug) if role else _known(conn, address)
        link = _link(conn, found, user_id) if at_terminal() else None
    if role:
        click.echo(f"{address} is {role} of {slug or 'every community'}.")
    if link:
        click.echo(f"This link signs them in once, within 15 minutes:\n\n    {link}")
    else:
        click.echo(f"For a sign-in link, run `manyvoices staff add {address}` in a terminal.")


@click.command("list")
def list_() -> None:
    """List the accounts with what each may do, a line for each role."""
    from plugin.store.opening import reading
    from plugin.store.staff import all_staff

    with database(settings()) as db, reading(db) as conn:
        for account in all_staff(conn):
            for access in account.access:
                click.echo(f"{account.email}\t{access.role}\t{access.community or 'every community'}")
            if not account.access:
                click.echo(f"{account.email}\tno role\t")


@click.command()
@click.argument("email")
def remove(email: str) -> None:
    """Remove an account; whoever is signed in with it is out at once."""
    from plugin.store.opening import writing
    from plugin.store.staff import account_id, remove_staff

    found, address = settings(), email.strip().lower()
    with database(found) as db, writing(db) as conn:
        user_id = account_id(conn, address)
        if not remove_staff(conn, address):
            raise click.ClickException("There is no such account. `manyvoices staff list` shows them.")
        record_command(conn, found, "staff removed", f"staff:{user_id}", before={"email": address})
    click.echo("The account is removed.")


def _address(email: str) -> str:
    address = email.strip().lower()
    if not ADDRESS.fullmatch(address):
        raise click.BadParameter("not a mail address", param_hint="EMAIL")
    return address


def _with_role(conn: "sa.Connection", found: "Settings", address: str, role: str, slug: str | None) -> int:
    from plugin.store.communities import community_by_slug
    from plugin.store.staff import add_staff

    community = community_by_slug(conn, slug) if slug else None
    if slug and community is None:
        raise click.ClickException(f"There is no community {slug}. `manyvoices community list` shows them.")
    community_id = community.id if community else None
    user_id = add_staff(conn, address, cast("StaffRole", role), community_id)
    given = {"role": role, "community": slug}
    record_command(conn, found, "staff added", f"staff:{user_id}", after=given, community_id=community_id)
    return user_id


def _known(conn: "sa.Connection", address: str) -> int:
    from plugin.store.staff import account_id

    user_id = account_id(conn, address)
    if user_id is None:
        raise click.ClickException("There is no such account yet. Say what they are to do: --role and --community.")
    return user_id


def _link(conn: "sa.Connection", found: "Settings", user_id: int) -> str:
    from plugin.store.staff import new_sign_in_link

    record_command(conn, found, "link made", f"staff:{user_id}")
    return f"{found.public_url}/staff/enter/{new_sign_in_link(conn, user_id, datetime.now(UTC))}"


COMMANDS = {
    "add": (f"{__name__}:add", "Give somebody a role, and print a link to sign in with."),
    "list": (f"{__name__}:list_", "List the accounts."),
    "remove": (f"{__name__}:remove", "Remove an account."),
}

staff = Commands(COMMANDS, help="The staff's accounts.")
