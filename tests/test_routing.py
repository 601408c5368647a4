"""Rules say who else is told; a rule is tried before it is saved, and what is urgent never leaves by a webhook."""

import re
from collections.abc import Callable
from itertools import product

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from forum import Forum
from mail_server import Inbox
from plugin.outcomes import NotAllowed, NotSaid
from plugin.routing import (
    Conditions,
    Facts,
    Rule,
    Target,
    check_rule,
    conditions_from_record,
    conditions_to_record,
    matches,
    target_from,
    targets_for,
)
from plugin.service import Service
from plugin.store.audit import entries
from plugin.store.communities import Community
from plugin.store.opening import reading, writing
from plugin.store.staff import add_staff
from plugin.store.tables import insights, outbox

ONLY_ON = "sqlite"

DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
NURSE = "I am a community nurse. We changed our handover last spring: whoever visits next rings the family first."
URGENT = "I am going to kill myself tonight. I cannot go on."
FACTS = Facts(frozenset({"carer"}), frozenset({"medication"}), "practice", is_urgent=False)


def test_a_rule_fits_where_every_condition_that_it_has_holds() -> None:
    choices = ((None, "carer", "patient"), (None, "medication", "falls"), (None, "practice", "concern"), (None, False))
    for type_, theme, kind, urgent in product(*choices):
        rule = Rule(1, "r", Conditions(type_, theme, kind, urgent), Target("mail", 1))
        expected = type_ in (None, "carer") and theme in (None, "medication") and kind in (None, "practice")
        assert matches(rule, FACTS) is expected
        assert conditions_from_record(conditions_to_record(rule.conditions)) == rule.conditions


def test_what_is_urgent_fits_no_rule_for_a_webhook_and_such_a_rule_is_refused() -> None:
    urgent = Facts(FACTS.types, FACTS.themes, FACTS.kind, is_urgent=True)
    to_program, to_editor = (Rule(1, "r", Conditions(), Target(deed, 1)) for deed in ("webhook", "mail"))
    assert targets_for([to_program, to_editor, to_editor], urgent) == {Target("mail", 1): to_editor}
    with pytest.raises(NotAllowed, match="never leaves by a webhook"):
        check_rule(Rule(0, "r", Conditions(urgent=True), Target("webhook", 1)))
    with pytest.raises(NotSaid):
        check_rule(Rule(0, " ", Conditions(), Target("mail", 1)))
    for wrong in ("mail", "mail:", "mail:x", "fax:1", "mail:²"):
        with pytest.raises(ValueError, match="not a target"):
            target_from(wrong)


def press(browser: FlaskClient, page: str, **form: str) -> str:
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/desk/routes/hub").text)
    assert token is not None
    return browser.post(page, data={"csrf_token": token[1], **form}, follow_redirects=True).text


def test_an_editor_tries_a_rule_saves_it_and_the_next_nurse_is_theirs(
    inbox: Inbox,
    client: FlaskClient,
    community: Community,
    secret: bytes,
    service: Service,
    worker: Callable[[], None],
    sign_in,
) -> None:
    forum = Forum(client, secret)
    for number, words in enumerate((DAD, NURSE), start=1):
        forum.posted(words, str(number))
    worker()
    editor = sign_in("editor")
    with writing(service.db) as conn:
        zoe = add_staff(conn, "zoe@hub.example.org", "editor", community.id)
    rule = {"name": "Nurses to Zoe", "type": "health_professional", "target": f"assign:{zoe}"}
    tried = press(editor, "/desk/routes/hub", act="try", **rule)
    assert "The last 2 comments held 2 insights" in tried
    assert "would have been for 1 of them" in tried
    assert "/desk/insights/2" in tried
    assert "/desk/insights/1" not in tried
    assert "There is none yet" in editor.get("/desk/routes/hub").text
    press(editor, "/desk/routes/hub", act="save", **rule)
    page = press(editor, "/desk/routes/hub", act="save", **rule | {"target": f"mail:{zoe}", "name": "Mail for Zoe"})
    assert "give it to zoe@hub.example.org" in page
    assert "Another rule has this name" in press(editor, "/desk/routes/hub", act="save", **rule)
    with reading(service.db) as conn:
        assert [entry.act for entry in entries(conn, [community.id])] == ["rule_added", "rule_added"]
    inbox.mails.clear()
    inbox.recipients.clear()
    forum.posted(NURSE + " It works.", "3")
    forum.posted(DAD + " It works.", "4")
    worker()
    told = sorted((to, mail["Subject"]) for to, mail in zip(inbox.recipients, inbox.mails, strict=True))
    title = "Patient safety and co-production"
    assert told == [
        ("editors@hub.example.org", f"New insight: {title}"),
        ("editors@hub.example.org", f"New insight: {title}"),
        ("zoe@hub.example.org", f"New insight: {title}"),
        ("zoe@hub.example.org", f"Yours to look at: {title}"),
    ]
    with reading(service.db) as conn:
        owners = {row.id: row.assignee_id for row in conn.execute(sa.select(insights))}
    assert owners == {1: None, 2: None, 3: zoe, 4: None}


def test_something_urgent_is_with_the_moderators_at_once_and_with_no_program(
    inbox: Inbox,
    client: FlaskClient,
    community: Community,
    secret: bytes,
    service: Service,
    worker: Callable[[], None],
    sign_in,
) -> None:
    admin = sign_in("admin")
    added = press(
        admin, "/desk/routes/hub/receivers", act="add", name="Archive", url="https://archive.example.org/told"
    )
    assert len(re.findall(r"whsec_[\w+/=]+", added)) == 1
    assert "whsec_" not in admin.get("/desk/routes/hub").text
    everything = {"name": "All", "target": "webhook:1"}
    refused = press(admin, "/desk/routes/hub", act="save", urgent="yes", **everything)
    assert "never leaves by a webhook" in refused
    press(admin, "/desk/routes/hub", act="save", **everything)
    for wrong in ("http://archive.example.org", "https://127.1/", "https://[::1]/", "https://a:b@example.org/"):
        assert "Nothing was changed" in press(admin, "/desk/routes/hub/receivers", act="add", name="X", url=wrong)
    Forum(client, secret).posted(URGENT)
    worker()
    assert inbox.recipients == ["moderators@hub.example.org"]
    with reading(service.db) as conn:
        rows = conn.execute(sa.select(outbox.c.kind, outbox.c.created_at, outbox.c.finished_at)).all()
    assert [row.kind for row in rows] == ["urgent"]
    # Nothing but the worker's next look stands between the comment and the mail.
    assert (rows[0].finished_at - rows[0].created_at).total_seconds() < 60
