"""Ask members who they are here, at sign-up and in their settings. The answer is theirs to leave out and to change."""

from collections.abc import Sequence

import sqlalchemy as sa
from flask import request
from flaskbb.extensions import db
from flaskbb.user.models import User
from flaskbb.utils.helpers import render_template

from manyvoices_flaskbb.moments import identity
from manyvoices_flaskbb.roles import MAIN, MORE, known
from manyvoices_flaskbb.settings import settings
from manyvoices_flaskbb.tables import roles
from manyvoices_flaskbb.telling import touch_member

FIELD = "manyvoices_role"


def question_at_sign_up() -> str:
    """Return the question as part of the sign-up form, with what was ticked before a mistake elsewhere in it."""
    found = settings()
    if found is None or not found.asks:
        return ""
    return render_template("manyvoices/sign_up.html", **question(given()))


def question(ticked: Sequence[str]) -> dict[str, object]:
    """Return what the question's template needs."""
    return {"main": MAIN, "more": MORE, "ticked": ticked, "field": FIELD}


def given() -> list[str]:
    """Return what is ticked in the form that was sent."""
    return known(request.form.getlist(FIELD)) if request.method == "POST" else []


def answer_of(user: User) -> list[str]:
    """Return who a member says they are."""
    types = db.session.scalar(
        sa.select(roles.c.types).where(roles.c.user_id == user.id, roles.c.known_as == _name(user))
    )
    return known((types or "").split())


def keep_answer(user: User) -> None:
    """Keep what a member ticked; Many Voices hears of it with the same commit."""
    types = given()
    db.session.execute(sa.delete(roles).where(roles.c.user_id == user.id))
    if types:
        db.session.execute(sa.insert(roles).values(user_id=user.id, known_as=_name(user), types=" ".join(types)))
    touch_member(user.id)
    db.session.commit()


def _name(user: User) -> str:
    return identity(user.id, user.date_joined)
