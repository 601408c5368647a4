"""Wire the service together: nothing here decides anything."""

import sqlalchemy as sa
from flask import Flask, Response, jsonify
from flask_babel import Babel
from flask_bootstrap import Bootstrap5
from flask_talisman import Talisman
from werkzeug.middleware.proxy_fix import ProxyFix

from plugin.channels.webhook import Pace
from plugin.engine import Jobs
from plugin.rendering import STATIC, TEMPLATES
from plugin.service import Service
from plugin.store.opening import open_database, reading
from webhooks import (
    checklist,
    correcting,
    desk_bulk,
    desk_export,
    desk_item,
    desk_mails,
    desk_replies,
    desk_tokens,
    desk_trail,
    desk_views,
    editors,
    embed,
    held,
    hints,
    kept,
    members,
    mine,
    moderators,
    pages,
    practice,
    queues,
    receive,
    staff,
    themes,
)
from webhooks.api.wiring import init_api
from webhooks.audience import open_to_all
from webhooks.guests import limit_guests
from webhooks.policies import POLICY
from webhooks.settings import Settings
from webhooks.wiring import NAME, service
from webhooks.writing import writing_pages


def create_app(settings: Settings, *, practising: bool = False) -> Flask:
    """Return the web application for these settings; `practising` adds the practice forum."""
    app = Flask("manyvoices", template_folder=str(TEMPLATES), static_folder=str(STATIC))
    app.config.update(
        SECRET_KEY=settings.vault().key_for("sessions").hex(),
        MAX_CONTENT_LENGTH=receive.MOST_BYTES,
        BOOTSTRAP_SERVE_LOCAL=True,
        PRACTISING=practising,
        LOOPBACK_URL=f"http://127.0.0.1:{settings.port}",
    )
    app.extensions[NAME] = service_from(settings)
    Bootstrap5(app)
    Babel(app, default_locale="en_GB", default_translation_directories=str(TEMPLATES / "translations"))
    Talisman(
        app,
        force_https=not settings.is_loopback,
        content_security_policy=dict(POLICY),
        content_security_policy_nonce_in=["script-src"],
        session_cookie_secure=not settings.is_loopback,
        frame_options=None,
        referrer_policy="same-origin",
    )
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies)  # type: ignore[method-assign]
    staff.init_staff(app)
    for blueprint in (*BLUEPRINTS, *([practice.forum] if practising else [])):
        app.register_blueprint(blueprint)
    init_api(app)
    limit_guests(app)
    app.add_url_rule("/healthz", view_func=healthz)
    return app


def service_from(settings: Settings) -> Service:
    """Return the service that these settings describe."""
    return service_on(open_database(settings.database_url), settings)


def service_on(db: sa.Engine, settings: Settings) -> Service:
    """Return the service on a database that is open already."""
    return Service(
        db=db,
        jobs=Jobs(db),
        vault=settings.vault(),
        post=settings.post(),
        public_url=settings.public_url,
        lexicons=settings.data_dir / "lexicons",
        pace=Pace(settings.write_backs_per_minute),
    )


@open_to_all
def healthz() -> Response:
    """Answer 200 when the database does; a database that does not answer is the 503 of every route."""
    with reading(service().db) as conn:
        conn.execute(sa.select(1))
    return jsonify(status="ok")


# Their views stand on the blueprint of the desk, which knows them once they are imported.
ON_THE_DESK = (desk_item, desk_replies, desk_bulk, desk_export, desk_views)

BLUEPRINTS = (
    receive.door,
    hints.hints,
    pages.pages,
    members.members,
    embed.embed,
    writing_pages,
    kept.kept,
    mine.mine,
    editors.desk,
    desk_tokens.tokens,
    desk_trail.trail,
    desk_mails.letters,
    moderators.moderators,
    held.held,
    correcting.correcting,
    queues.queues,
    themes.themes,
    checklist.checklist,
)
