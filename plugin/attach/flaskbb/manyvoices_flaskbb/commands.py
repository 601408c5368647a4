"""`flaskbb voices`: see how the attachment stands, send, compare and ask whether we are heard."""

import json
import time
import uuid
from datetime import UTC, datetime

import click
import requests
import sqlalchemy as sa
from flask import current_app
from flask.cli import with_appcontext
from flaskbb.extensions import db

from manyvoices_flaskbb.moments import written
from manyvoices_flaskbb.sending import PATIENCE, Sender
from manyvoices_flaskbb.sending import sweep as compare
from manyvoices_flaskbb.settings import Settings, settings
from manyvoices_flaskbb.signing import headers_for
from manyvoices_flaskbb.tables import queue


@click.group("voices")
def commands() -> None:
    """The attachment to Many Voices."""


@commands.command()
@with_appcontext
def status() -> None:
    """Say what waits to be sent, since when, and what was refused."""
    found = _settings()
    waiting = queue.c.refused.is_(None)
    count, oldest, tries = db.session.execute(
        sa.select(sa.func.count(), sa.func.min(queue.c.queued_at), sa.func.max(queue.c.tries)).where(waiting)
    ).one()
    click.echo(f"sends to    {found.door}")
    click.echo(f"waiting     {count}" + (f", the oldest since {oldest}, tried {tries} times" if count else ""))
    for row in db.session.execute(sa.select(queue).where(~waiting).order_by(queue.c.id)):
        click.echo(f"refused     {row.type} of {row.queued_at}: answered {row.refused} ({row.delivery})")


@commands.command()
@with_appcontext
def ping() -> None:
    """Ask Many Voices whether it hears this forum."""
    found = _settings()
    body = json.dumps({"type": "ping", "timestamp": written(datetime.now(UTC))}).encode()
    headers = headers_for(found.keys[0], f"flaskbb-{uuid.uuid4()}", int(time.time()), body)
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(found.door, data=body, headers=headers, timeout=PATIENCE, allow_redirects=False)
        except requests.RequestException:
            raise click.ClickException(f"Nobody answers at {found.door}.") from None
    if answer.status_code != 202:
        raise click.ClickException(WHY.get(answer.status_code, f"It answered {answer.status_code}."))
    click.echo("Many Voices hears this forum.")


@commands.command()
@click.option("--once", is_flag=True, help="Send what is due now, and stop.")
@with_appcontext
def send(once: bool) -> None:
    """Send what waits: for forums whose server has no threads (MANYVOICES_SENDER = "command")."""
    _settings()
    sender = Sender(current_app._get_current_object())  # type: ignore[attr-defined]
    while True:
        wait = sender.turn()
        if once:
            return
        time.sleep(min(wait, 1))


@commands.command()
@with_appcontext
def sweep() -> None:
    """Compare the whole forum with what Many Voices was told, and queue what differs."""
    click.echo(f"{compare(_settings())} pieces of news were queued.")


def _settings() -> Settings:
    found = settings()
    if found is None:
        raise click.ClickException("This forum is not attached yet: see docs/flaskbb.md, step 4.")
    return found


WHY = {
    401: "It answered 401: look at MANYVOICES_COMMUNITY, MANYVOICES_SECRET and this machine's clock.",
    404: "It answered 404: look at MANYVOICES_URL.",
}
