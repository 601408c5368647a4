"""What an owner has to see to before people come: the doctor's findings, as far as the database knows them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, render_template

from plugin import examining
from plugin.forums.polled import Finding
from plugin.polling import FORUMS
from plugin.store.attachments import attachment_of
from plugin.store.communities import Community
from plugin.store.opening import reading
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

checklist = Blueprint("checklist", __name__, url_prefix="/staff")


@dataclass(frozen=True, slots=True)
class Checked:
    """A community with what was found of it."""

    community: Community
    findings: list[Finding]

    @property
    def left(self) -> int:
        """Return how many things are left to be done."""
        return sum(not finding.is_ok for finding in self.findings)


@checklist.get("/first-steps")
@staff_only("admin")
def first_steps() -> str:
    """Show what is left to be done for each community of an owner, and what is well."""
    return render_template("staff/first_steps.html", checked=_checked())


def count_left() -> int:
    """Return how many things are left to be done by the person at the screen: none, where they are no owner."""
    return sum(one.left for one in _checked())


def _checked() -> list[Checked]:
    # A practice run is not meant to be complete.
    mine = [community for community in communities_for("admin") if not community.is_practice]
    now = datetime.now(UTC)
    ourselves = examining.Ourselves(service().public_url, service().post.host)
    with reading(service().db) as conn:
        attached = [attachment_of(conn, service().vault, community, now) for community in mine]
    return [
        Checked(one.community, examining.checklist(one, ourselves, is_asked=one.community.platform in FORUMS))
        for one in attached
    ]
