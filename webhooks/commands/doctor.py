"""The command that looks whether a community is well attached: doctor."""

from typing import TYPE_CHECKING

import click

from webhooks.commands.communities import named
from webhooks.commands.starting import database, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plugin.examining import Ourselves
    from plugin.forums.polled import Finding
    from plugin.service import Service
    from plugin.store.attachments import Attachment
    from plugin.store.communities import Community
    from webhooks.settings import Settings


@click.command()
@click.argument("slug")
def doctor(slug: str) -> None:
    """Look whether a community is well attached, a line for each thing: ok, or what to do."""
    from plugin import examining
    from plugin.store.migrating import is_up_to_date
    from plugin.store.opening import reading
    from webhooks.app import service_on
    from webhooks.logs import configure_logs

    found = settings()
    configure_logs(found.log_level)
    with database(found) as db:
        with reading(db) as conn:
            tables = examining.database(is_up_to_date(conn))
            community = named(conn, slug) if tables.is_ok else None
        findings = [tables]
        _tell(tables)
        if community:
            service = service_on(db, found)
            for finding in _looked_at(service, community, found):
                _tell(finding)
                findings.append(finding)
            service.jobs.close()
    if not examining.is_well(findings):
        raise SystemExit(1)


def _looked_at(service: "Service", community: "Community", found: "Settings") -> "Iterator[Finding]":
    """Yield what was found, each as it is known: some of it takes seconds."""
    from datetime import UTC, datetime

    from plugin import examining
    from plugin.polling import FORUMS, forum_of
    from plugin.store.attachments import attachment_of
    from plugin.store.opening import reading

    ourselves = examining.Ourselves(service.public_url, service.post.host)
    with reading(service.db) as conn:
        attached = attachment_of(conn, service.vault, community, datetime.now(UTC))
    yield examining.secret_key(_mode_of_key(found))
    yield _address(attached, ourselves)
    yield from examining.standing(attached, is_asked=community.platform in FORUMS)
    is_refused = attached.stopped_at is not None
    if attached.is_connected and attached.is_connection_readable and not is_refused:
        forum = forum_of(service, community.id)
        yield from forum.examine() if forum else ()
        # It may have refused us just now: then not even its front page is asked for.
        is_refused = forum_of(service, community.id) is None
    yield examining.clock(None, "the forum refused us") if is_refused else _clock(community)
    yield examining.pacing(_per_minute(service, attached) or found.write_backs_per_minute)
    yield _mail(service, ourselves)


def _per_minute(service: "Service", attached: "Attachment") -> int | None:
    """Return how often a connected forum is asked in a minute at most; None for one that we only tell."""
    from plugin.polling import FORUMS
    from plugin.store.connections import settings_of
    from plugin.store.opening import reading

    community = attached.community
    if not attached.is_connected or community.platform not in FORUMS:
        return None
    with reading(service.db) as conn:
        setup = FORUMS[community.platform].setup_from(settings_of(conn, community.id))
    per_minute: int = setup.per_minute
    return per_minute


def _address(attached: "Attachment", ourselves: "Ourselves") -> "Finding":
    from plugin import examining
    from plugin.channels.visiting import visit
    from plugin.channels.webhook import NotTaken

    fits = examining.address(attached, ourselves)
    if not fits.is_ok:
        return fits
    try:
        # Our own address may well lead to this machine, or to one beside it.
        answer = visit(f"{ourselves.public_url}/healthz", private=True)
    except NotTaken as error:
        return examining.address_answered(ourselves.public_url, None, str(error))
    return examining.address_answered(ourselves.public_url, answer.status)


def _clock(community: "Community") -> "Finding":
    from urllib.parse import urlsplit

    from plugin import examining
    from plugin.channels.visiting import visit
    from plugin.channels.webhook import NotTaken

    try:
        answer = visit(community.base_url, private=urlsplit(community.base_url).hostname == community.private_host)
    except NotTaken as error:
        return examining.clock(None, f"{community.base_url}: {error}")
    return examining.clock(answer.seconds_off, f"{community.base_url} does not say what time it has")


def _mail(service: "Service", ourselves: "Ourselves") -> "Finding":
    from plugin import examining
    from plugin.channels.email import DeliveryError, greet

    problem = None
    if ourselves.mails_by:
        try:
            greet(service.post)
        except DeliveryError as error:
            problem = str(error)
    return examining.mail_tried(ourselves, problem)


def _mode_of_key(found: "Settings") -> int | None:
    """Return the permissions of the file with the secret key; None where the key is a setting."""
    path: Path = found.data_dir / "secret_key"
    try:
        is_ours = path.read_text(encoding="ascii").strip() == found.secret_key
        return path.stat().st_mode if is_ours else None
    except (OSError, UnicodeDecodeError):
        return None


def _tell(finding: "Finding") -> None:
    click.echo(f"{finding.what:<24}{'ok' if finding.is_ok else 'NOT OK'}  {finding.advice}".rstrip())
