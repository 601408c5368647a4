"""Attaches a FlaskBB forum to Many Voices (docs/flaskbb.md): what FlaskBB calls, and nothing else.

The plugin lives in the forum's own process and shares nothing with the service but signed JSON over HTTP.
"""

from pathlib import Path
from typing import Any

from flask import Flask
from flaskbb.extensions import csrf
from flaskbb.forum.models import Post
from flaskbb.user.models import User
from pluggy import HookimplMarker

from manyvoices_flaskbb import asking, inviting, pages, telling
from manyvoices_flaskbb.commands import commands
from manyvoices_flaskbb.sending import Sender
from manyvoices_flaskbb.settings import NAME, settings, settings_from

hook = HookimplMarker("flaskbb")


@hook
def flaskbb_load_migrations() -> str:
    """Say where the plugin's tables are described."""
    return str(Path(__file__).parent / "migrations")


@hook
def flaskbb_load_blueprints(app: Flask) -> None:
    """Read the settings, and add the plugin's own pages."""
    app.extensions[NAME] = settings_from(app.config)
    app.register_blueprint(pages.pages)
    # Signed, or only filling in a form: neither changes anything in the name of whoever's browser it is.
    csrf.exempt(pages.take_write_back)
    csrf.exempt(pages.compose)


@hook
def flaskbb_request_processors(app: Flask) -> None:
    """Watch the database session, and send from a thread once this process serves pages."""
    sender = Sender(app)
    telling.watch(sender.sweep_soon, sender.wake)
    app.before_request(inviting.lead_back)
    app.after_request(inviting.add_to_topic)

    @app.before_request
    def start_sender() -> None:
        found = settings()
        if found is not None and found.sender == "thread":
            sender.start()


@hook
def flaskbb_cli(cli: Any) -> None:
    """Add `flaskbb voices …`."""
    cli.add_command(commands)


@hook
def flaskbb_tpl_form_registration_after() -> str:
    """Ask who somebody is here, on the page where they sign up."""
    return asking.question_at_sign_up()


@hook(tryfirst=True)
def flaskbb_registration_post_processor(user: User) -> None:
    """Keep the answer, before anything else says that this member joined."""
    asking.keep_answer(user)


@hook
def flaskbb_tpl_profile_settings_menu() -> list[tuple[str, str]]:
    """Add the page on which the answer may be changed to the settings of a member."""
    return [("manyvoices.roles", "Who I am here")]


@hook
def flaskbb_tpl_post_content_after(post: Post) -> str:
    """Show beside a comment what Many Voices wrote back about it."""
    return pages.beside(post)
