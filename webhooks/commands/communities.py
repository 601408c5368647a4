"""Commands for the communities that we are attached to: community add, list, show, set, rotate-secret, remove."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from webhooks.cli import Commands
from webhooks.commands.starting import database, record_command, settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from plugin.store.communities import Community
    from plugin.store.connections import Connection
    from webhooks.settings import Settings

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+")

# The settings on which it depends what a forum is told.
WRITTEN_BACK = frozenset({"write_back_url", "private_host", "public_tags"})


@click.command()
@click.argument("slug")
@click.option("--platform", default="standard", show_default=True, help="What the forum runs on.")
@click.option("--name", help="How people call it. Without it, the slug.")
@click.option("--url", "base_url", required=True, help="Where it is, such as https://forum.example.org.")
@click.option("--sign-up", "sign_up_url", required=True, help="The page on which guests become members.")
@click.option("--sign-in", "sign_in_url", required=True, help="The page on which members sign in.")
@click.option("--editors", "editorial_address", required=True, help="The address that insights are mailed to.")
@click.option("--moderators", "moderators_address", required=True, help="The address for what is urgent.")
@click.option(
    "--forwarding",
    type=click.Choice(["notice", "ask"]),
    default="notice",
    show_default=True,
    help="notice: the editors may read public comments; ask: nothing goes to them before its author agrees.",
)
@click.option(
    "--wait",
    "wait_minutes",
    type=click.IntRange(0, 1440),
    default=15,
    show_default=True,
    help="Minutes in which an author may still change their mind.",
)
@click.option("--expect", "expected_types", multiple=True, help="A stakeholder type it hopes to hear from; repeatable.")
@click.option("--private-host", help="The one host that need not be public and may do without https.")
def add(slug: str, private_host: str | None, **about: Any) -> None:
    """Attach a community, and print its secret: this once and never again."""
    from plugin.store.communities import add_community, add_secret, community_by_slug
    from plugin.store.opening import writing
    from webhooks.signatures import new_secret

    _check(slug, about, private_host)
    found = settings()
    about["name"] = about["name"] or slug
    secret = new_secret()
    with database(found) as db, writing(db) as conn:
        if community_by_slug(conn, slug):
            raise click.ClickException(f"There is a community {slug} already.")
        community_id = add_community(conn, slug=slug, private_host=private_host, **about)
        add_secret(conn, found.vault(), community_id, secret)
        subject = f"community:{community_id}"
        record_command(conn, found, "community added", subject, community_id=community_id, after=about)
    click.echo(f"{about['name']} is attached. Let the forum post to\n")
    click.echo(f"    {found.public_url}/webhooks/{about['platform']}/{slug}\n")
    click.echo("and sign with this secret, which is not shown again:\n")
    click.echo(f"    {secret}")


@click.command("list")
def list_() -> None:
    """List the communities, a line each."""
    from plugin.store.communities import all_communities
    from plugin.store.opening import reading

    with database(settings()) as db, reading(db) as conn:
        for found in all_communities(conn):
            click.echo(f"{found.slug}\t{found.platform}\t{found.base_url}\t{found.name}")


@click.command()
@click.argument("slug")
def show(slug: str) -> None:
    """Show what is known of a community; its secrets are counted, never shown."""
    from plugin.store.communities import count_live_secrets
    from plugin.store.connections import connection_of
    from plugin.store.opening import reading
    from plugin.store.write_backs import count_write_backs, failed_write_backs

    found = settings()
    with database(found) as db, reading(db) as conn:
        community = named(conn, slug)
        secrets = count_live_secrets(conn, community.id, datetime.now(UTC))
        told = count_write_backs(conn, community.id)
        failures = failed_write_backs(conn, community.id)
        connection = connection_of(conn, found.vault(), community.id)
    for word, value in (
        ("name", community.name),
        ("platform", community.platform),
        ("webhook", f"{found.public_url}/webhooks/{community.platform}/{community.slug}"),
        ("address", community.base_url),
        ("sign up", community.sign_up_url),
        ("sign in", community.sign_in_url),
        ("editors", community.editorial_address),
        ("moderators", community.moderators_address),
        ("forwarding", community.forwarding),
        ("waits", f"{community.wait_minutes} minutes"),
        ("expects", ", ".join(community.expected_types)),
        ("asks", community.question or "in our own words"),
        ("public tags", community.public_tags),
        ("time zone", community.time_zone),
        *([("origins", ", ".join(community.origins))] if community.origins else []),
        *(("place", f"{name}: {selector}") for name, selector in community.places.items()),
        *([("compose", community.compose_url)] if community.compose_url else []),
        ("write back", _write_back_in_words(community)),
        ("staff notes", "yes" if community.staff_notes else "no"),
        *([("told", ", ".join(f"{count} {status}" for status, count in sorted(told.items())))] if told else []),
        *(("failed", f"{kind} {key}: {reason}") for kind, key, reason in failures),
        *_connection_in_words(connection),
        *([("private", community.private_host)] if community.private_host else []),
        ("attached", f"{community.created_at:%d %B %Y}"),
        ("secrets", f"{secrets} live"),
    ):
        click.echo(f"{word:<12}{value}")
    _show_doors(community)


def _connection_in_words(connection: "Connection | None") -> list[tuple[str, str]]:
    if connection is None:
        return []
    if connection.stopped_at:
        stopped = f"stopped {connection.stopped_at:%d %B %Y}, {connection.stop_reason}"
        return [("asked at", f"{connection.api_url}: {stopped}")]
    last = f"last {connection.polled_at:%d %B %Y %H:%M} UTC" if connection.polled_at else "not yet"
    return [("asked at", f"{connection.api_url}: {last}")]


def _show_doors(community: "Community") -> None:
    from plugin.doors import doors_of

    for door in doors_of(community.doors):
        whose = "" if community.doors.get(door.kind) else ", in our words"
        click.echo(f"\ndoor for {door.kind}{whose}:")
        for line in door.text.splitlines():
            click.echo(f"    {line}")


@click.command("set")
@click.argument("slug")
@click.option("--name", help="How people call it.")
@click.option("--question", help="How its panel asks a guest, with {title} and {roles}; empty for our own wording.")
@click.option("--editors", "editorial_address", help="The address that insights are mailed to.")
@click.option("--moderators", "moderators_address", help="The address for what is urgent.")
@click.option("--forwarding", type=click.Choice(["notice", "ask"]), help="Whether public comments are forwarded.")
@click.option("--wait", "wait_minutes", type=click.IntRange(0, 1440), help="Minutes before an insight is forwarded.")
@click.option("--expect", "expected_types", multiple=True, help="A stakeholder type it hopes to hear from; repeatable.")
@click.option("--public-tags", type=click.Choice(["none", "consented"]), help="Whether a tag may show on the forum.")
@click.option("--time-zone", help="Where its people are, such as Europe/London.")
@click.option("--write-back", "write_back_url", help="Where its forum takes what we tell it; empty for nowhere.")
@click.option(
    "--staff-notes/--no-staff-notes", default=None, help="Whether its moderators get figures as a note there."
)
@click.option("--door", "doors", multiple=True, help="KIND=TEXT: where help is for a need; empty for ours; repeatable.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    help="A further site of its own that shows the panel; empty for none; repeatable.",
)
@click.option(
    "--place", "places", multiple=True, help="NAME=SELECTOR: where /embed.js finds things on its pages; repeatable."
)
@click.option(
    "--compose", "compose_url", help="Where its forum takes kept words, with {discussion}; empty for nowhere."
)
@click.option("--private-host", help="The one host that need not be public and may do without https.")
def set_(slug: str, **given: Any) -> None:
    """Change what is set for a community; what is not named stays. --write-back also goes on where that was stopped."""
    from plugin.store.communities import change_community
    from plugin.store.opening import writing

    changes = {name: value for name, value in given.items() if value is not None and value != ()}
    if not changes:
        raise click.UsageError("Name what to change: see --help.")
    found = settings()
    with database(found) as db, writing(db) as conn:
        community = named(conn, slug)
        _check_changes(changes, changes.get("private_host", community.private_host))
        _check_embedding(changes, community)
        if "doors" in changes:
            changes["doors"] = {kind: text for kind, text in {**community.doors, **changes["doors"]}.items() if text}
        if "places" in changes:
            changes["places"] = {name: one for name, one in {**community.places, **changes["places"]}.items() if one}
        change_community(conn, community.id, **changes)
        before = {name: getattr(community, name) for name in changes}
        subject, id_ = f"community:{community.id}", community.id
        record_command(conn, found, "community changed", subject, community_id=id_, before=before, after=changes)
        if not WRITTEN_BACK.isdisjoint(changes):
            tell_anew(found, db, conn, slug)
    click.echo(f"{community.name} is changed: {', '.join(sorted(changes)).replace('_', ' ')}.")


@click.command("rotate-secret")
@click.argument("slug")
@click.option(
    "--keep-hours",
    type=click.FloatRange(0, 24 * 90),
    default=24,
    show_default=True,
    help="How long the older secrets still count.",
)
def rotate_secret(slug: str, keep_hours: float) -> None:
    """Give a community a new secret, and print it: this once and never again."""
    from plugin.store.communities import add_secret, forget_retired_secrets, retire_secrets
    from plugin.store.opening import writing
    from webhooks.signatures import new_secret

    found = settings()
    secret = new_secret()
    now = datetime.now(UTC)
    with database(found) as db, writing(db) as conn:
        community = named(conn, slug)
        forget_retired_secrets(conn, now)
        add_secret(conn, found.vault(), community.id, secret)
        retire_secrets(conn, community.id, except_newest=True, at=now + timedelta(hours=keep_hours))
        record_command(conn, found, "secret changed", f"community:{community.id}", community_id=community.id)
    click.echo(f"Sign with this secret from now on; it is not shown again:\n\n    {secret}\n")
    click.echo(f"Older ones count for {keep_hours:g} more hours." if keep_hours else "Older ones no longer count.")


@click.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask, for scripts.")
def remove(slug: str, yes: bool) -> None:
    """Remove a community with every comment, tag and insight that came from it."""
    from plugin.store.communities import remove_community
    from plugin.store.opening import reading, writing

    found = settings()
    with database(found) as db:
        with reading(db) as conn:
            community = named(conn, slug)
        if not yes:
            _ask_for(slug)
        with writing(db) as conn:
            remove_community(conn, community.id)
            subject, before = f"community:{community.id}", {"slug": slug}
            record_command(conn, found, "community removed", subject, community_id=community.id, before=before)
    click.echo(f"{community.name} is removed, with all that it told us.")


def tell_anew(found: "Settings", db: "sa.Engine", conn: "sa.Connection", slug: str) -> None:
    """Let a forum be told what changes with its settings, and what it was not told while it refused us."""
    from plugin.telling import tell_again
    from webhooks.app import service_on

    service = service_on(db, found)
    tell_again(service, conn, named(conn, slug))
    service.jobs.close()


def _write_back_in_words(community: "Community") -> str:
    if community.write_back_stopped_at is None:
        return community.write_back_url or "nowhere"
    return (
        f"{community.write_back_url}, stopped {community.write_back_stopped_at:%d %B %Y %H:%M} UTC: "
        f"{community.write_back_stop_reason}. `community set {community.slug} --write-back …` goes on."
    )


def _ask_for(slug: str) -> None:
    click.echo("This removes every comment, tag and insight of the community. It cannot be undone.", err=True)
    if click.prompt("Type its slug to go on", default="", show_default=False, err=True) != slug:
        raise click.ClickException("That is not its slug: nothing was removed.")


def named(conn: "sa.Connection", slug: str) -> "Community":
    """Return the community of this slug, or stop with a sentence."""
    from plugin.store.communities import community_by_slug

    found = community_by_slug(conn, slug)
    if found is None:
        raise click.ClickException(f"There is no community {slug}. `manyvoices community list` shows them.")
    return found


def _check(slug: str, about: dict[str, Any], private_host: str | None) -> None:
    """Stop with a sentence on the first thing that cannot be right."""
    from plugin.polling import FORUMS
    from webhooks.forums import RECEIVERS

    if not SLUG.fullmatch(slug):
        raise click.BadParameter("lower-case letters, digits and hyphens only, at most 63", param_hint="SLUG")
    if about["platform"] not in (platforms := (*RECEIVERS, *FORUMS)):
        raise click.BadParameter(f"one of {', '.join(platforms)}", param_hint="--platform")
    for option, name in (("--url", "base_url"), ("--sign-up", "sign_up_url"), ("--sign-in", "sign_in_url")):
        about[name] = about[name].rstrip("/") if name == "base_url" else about[name]
        check_url(option, about[name], private_host)
    for option, name in (("--editors", "editorial_address"), ("--moderators", "moderators_address")):
        if not ADDRESS.fullmatch(about[name]):
            raise click.BadParameter("not a mail address", param_hint=option)
    _check_types(about["expected_types"])


def _check_changes(changes: dict[str, Any], private_host: str | None) -> None:
    """Stop on the first change that cannot be right, and make the rest as they are stored."""
    from zoneinfo import available_timezones

    from plugin.prompting import question_mistake

    for option, name in (("--editors", "editorial_address"), ("--moderators", "moderators_address")):
        if name in changes and not ADDRESS.fullmatch(changes[name]):
            raise click.BadParameter("not a mail address", param_hint=option)
    if changes.get("time_zone", "Europe/London") not in available_timezones():
        raise click.BadParameter("not a time zone such as Europe/London", param_hint="--time-zone")
    if changes.get("write_back_url"):
        check_url("--write-back", changes["write_back_url"], private_host)
    if mistake := question_mistake(changes.get("question", "")):
        raise click.BadParameter(mistake, param_hint="--question")
    _check_types(changes.get("expected_types", ()))
    if "doors" in changes:
        changes["doors"] = dict(_door(given) for given in changes["doors"])
    for name in ("question", "compose_url", "write_back_url", "private_host"):
        changes.update({name: changes[name] or None} if name in changes else {})


def _check_embedding(changes: dict[str, Any], community: "Community") -> None:
    """Stop on the first change to what its pages show that cannot be right, and make the rest as they are stored."""
    from plugin.embedding import MOST_ORIGINS, compose_mistake, origin_mistake, place_mistake

    if "origins" in changes:
        changes["origins"] = [origin.rstrip("/").lower() for origin in changes["origins"] if origin]
        for origin in changes["origins"]:
            if mistake := origin_mistake(origin):
                raise click.BadParameter(mistake, param_hint="--origin")
            check_url("--origin", origin, changes.get("private_host", community.private_host))
        if len(changes["origins"]) > MOST_ORIGINS:
            raise click.BadParameter(f"at most {MOST_ORIGINS}", param_hint="--origin")
    if "places" in changes:
        pairs = [given.partition("=") for given in changes["places"]]
        changes["places"] = {name.strip(): selector.strip() for name, _, selector in pairs}
        for name, selector in changes["places"].items():
            if mistake := place_mistake(name, selector):
                raise click.BadParameter(mistake, param_hint="--place")
    if changes.get("compose_url") and (mistake := compose_mistake(changes["compose_url"], community.base_url)):
        raise click.BadParameter(mistake, param_hint="--compose")


def _door(given: str) -> tuple[str, str]:
    """Return the kind and the text of a door as it was typed."""
    from plugin.doors import door_mistake

    kind, equals, text = (part.strip() for part in given.partition("="))
    mistake = door_mistake(kind, text) if equals else "not KIND=TEXT, such as crisis='Call 999.'"
    if mistake:
        raise click.BadParameter(mistake, param_hint="--door")
    return kind, text


def check_url(option: str, url: str, private_host: str | None) -> None:
    """Stop with a sentence at an address that we may not send to."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise click.BadParameter("not an address such as https://forum.example.org", param_hint=option)
    if parts.hostname == private_host:
        return
    if parts.scheme != "https":
        raise click.BadParameter("must begin with https:// (or name its host with --private-host)", param_hint=option)
    if _is_private(parts.hostname):
        raise click.BadParameter("not a public host (if it is meant, name it with --private-host)", param_hint=option)


def _is_private(host: str) -> bool:
    import ipaddress

    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))


def _check_types(expected: tuple[str, ...]) -> None:
    from plugin.stakeholders import all_types

    unknown = [one for one in expected if one not in all_types()]
    if unknown:
        raise click.BadParameter(f"not a stakeholder type: {', '.join(unknown)}", param_hint="--expect")


COMMANDS = {
    "add": (f"{__name__}:add", "Attach a community, and print its secret once."),
    "list": (f"{__name__}:list_", "List the communities."),
    "show": (f"{__name__}:show", "Show what is known of one."),
    "connect": ("webhooks.commands.connecting:connect", "Ask one by its own interface."),
    "set": (f"{__name__}:set_", "Change what is set for one."),
    "rotate-secret": (f"{__name__}:rotate_secret", "Give one a new secret; the old one counts for a while."),
    "remove": (f"{__name__}:remove", "Remove one with all that it told us."),
}

community = Commands(COMMANDS, help="The communities that we are attached to.")
