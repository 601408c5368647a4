"""Whatever people do in whatever order: nothing goes out without a basis, and what is taken back is called back."""

import email
import itertools
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from email import policy
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from forum import whole
from mail_server import words_of
from plugin import contributors, delivery
from plugin.channels.email import Post
from plugin.consent import Credit
from plugin.engine import Jobs
from plugin.forums.standard import event_from
from plugin.handlers import HANDLERS, Telling
from plugin.sealing import Vault
from plugin.service import Service
from plugin.store.communities import add_community, community_by_id
from plugin.store.opening import open_database, reading, writing
from plugin.store.tables import comments, outbox

TEXTS = (
    "I care for my dad. His blood thinner was left off the discharge letter, and nobody noticed for nine days.",
    "I care for my dad. His walking frame was moved to the corridor each morning, so he fell twice on the way.",
)
BEGIN = datetime(2026, 11, 22, 12, tzinfo=UTC)
CREDITS = (Credit("name"), Credit("chosen", "Ruthless Ruth"), Credit("role"), Credit("none"))
SHOWS = {"name": "Member 1", "chosen": "Ruthless Ruth", "role": "Carer (no name)", "none": "asks for no credit"}


class Consent(RuleBasedStateMachine):
    """One member, one comment, one mail folder; beside it the rules as a person would say them."""

    template: ClassVar[Path]

    @initialize(forwarding=st.sampled_from(["notice", "ask"]), credit=st.sampled_from(CREDITS))
    def begin(self, forwarding: str, credit: Credit) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="manyvoices-consent-"))
        shutil.copy(self.template, self.folder / "db.sqlite")
        db = open_database(f"sqlite:///{self.folder / 'db.sqlite'}")
        post = Post("voices@hub.example.org", self.folder / "mail")
        vault = Vault(["a secret key for tests, forty characters!"])
        self.service = Service(db, Jobs(db), vault, post, "http://localhost:8080")
        with writing(db) as conn:
            addresses = {"editorial_address": "editors@hub.example.org", "moderators_address": "mods@hub.example.org"}
            places = dict.fromkeys(("base_url", "sign_up_url", "sign_in_url"), "https://hub.example.org/")
            about: dict[str, Any] = {"slug": "hub", "platform": "standard", "name": "The hub", "forwarding": forwarding}
            community_id = add_community(conn, **about, **addresses, **places, wait_minutes=0)
            community = community_by_id(conn, community_id)
        assert community is not None
        self.community = community
        self.minutes = itertools.count()
        # What a person would say: is it to be seen, what did the author answer, is a copy out there?
        self.state, self.answer, self.credit = "unwritten", None, Credit("role")
        self.is_erased, self.native_id = False, "a1"
        self.out: list[str] = []
        self.mails = 0
        self._tell("comment.created", text=TEXTS[0])
        self.state = "visible"
        self._choose(credit)

    def teardown(self) -> None:
        if hasattr(self, "service"):
            self.service.jobs.close()
            self.service.db.dispose()
            shutil.rmtree(self.folder)

    @rule(text=st.sampled_from(TEXTS))
    def edit(self, text: str) -> None:
        self._tell("comment.updated", text=text)
        if self.state == "hidden":
            self.state = "visible"

    @rule()
    def hide(self) -> None:
        self._tell("comment.hidden")
        if self.state != "removed":
            self.state = "hidden"

    @rule()
    def approve(self) -> None:
        self._tell("comment.approved", text=TEXTS[0])
        self.state = "visible"

    @rule()
    def remove(self) -> None:
        self._tell("comment.deleted")
        self.state = "removed"

    @precondition(lambda self: not self.is_erased)
    @rule(yes=st.booleans())
    def say(self, yes: bool) -> None:
        with writing(self.service.db) as conn:
            contributors.answer(self.service, conn, self.community, 1, {"forward": yes}, datetime.now(UTC))
        self.answer = yes

    @precondition(lambda self: not self.is_erased)
    @rule(yes=st.booleans())
    def say_of_quoting(self, yes: bool) -> None:
        with writing(self.service.db) as conn:
            contributors.answer(self.service, conn, self.community, 1, {"quote": yes}, datetime.now(UTC))

    @precondition(lambda self: not self.is_erased)
    @rule(credit=st.sampled_from(CREDITS))
    def choose(self, credit: Credit) -> None:
        self._choose(credit)

    @precondition(lambda self: self.native_id == "a1" and not self.is_erased)
    @rule()
    def merge(self) -> None:
        self.native_id = "a2"
        self._tell("member.merged")

    @precondition(lambda self: not self.is_erased)
    @rule()
    def erase(self) -> None:
        with writing(self.service.db) as conn:
            author_id = conn.scalar(sa.select(comments.c.author_id).where(comments.c.id == 1))
            contributors.erase(self.service, conn, self.community, author_id, datetime.now(UTC))
        self.is_erased = True

    @rule()
    def deliver(self) -> None:
        for _ in range(3):
            with reading(self.service.db) as conn:
                waiting = conn.execute(sa.select(outbox.c.id, outbox.c.round).where(outbox.c.status == "waiting")).all()
            for row in waiting:
                delivery.send_mail(self.service, f"{row.id}.{row.round}")
        called_back: list[str] = []
        for mail in self._new_mails():
            if "delete your copy" in mail["Subject"]:
                assert not any(part in mail.as_string() for part in ("blood thinner", "walking frame", "Member 1"))
                called_back.append(mail["In-Reply-To"])
            else:
                self._check(mail)
                self.out.append(mail["Message-ID"])
        for message_id in called_back:
            # Nobody is asked to delete what they never got.
            self.out.remove(message_id)
        assert len(self.out) <= 1, "one copy at a time"
        assert not (self.out and self._is_over()), "a copy stayed with the editors"

    def _check(self, mail: Any) -> None:
        assert self.state == "visible"
        assert not self.is_erased
        assert self.answer is True or (self.answer is None and self.community.forwarding == "notice")
        words = words_of(mail) + words_of(mail, "html")
        assert SHOWS[self.credit.kind] in words
        for kind, shown in SHOWS.items():
            assert kind == self.credit.kind or shown not in words, "wider than the credit that was chosen"

    def _choose(self, credit: Credit) -> None:
        with writing(self.service.db) as conn:
            contributors.choose_credit(self.service, conn, 1, credit, datetime.now(UTC))
        self.credit = credit

    def _is_over(self) -> bool:
        return self.is_erased or self.state == "removed" or self.answer is False

    def _new_mails(self) -> list[Any]:
        files = sorted((self.folder / "mail").glob("*.eml"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        new, self.mails = files[self.mails :], len(files)
        return [email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in new]

    def _tell(self, type_: str, text: str = "") -> None:
        at = (BEGIN + timedelta(minutes=next(self.minutes))).isoformat()
        author = {"id": self.native_id, "kind": "member", "display_name": "Member 1"}
        data: dict[str, Any] = whole(text, at=at, author=author)
        if type_ in ("comment.hidden", "comment.deleted"):
            data = {"comment": {name: data["comment"][name] for name in ("id", "created_at")}}
        elif type_ == "member.merged":
            data = {"author": {"id": "a1"}, "into": author}
        event = event_from({"type": type_, "timestamp": at, "data": data}, community="hub", delivery_id=at)
        with writing(self.service.db) as conn:
            HANDLERS[type(event)](Telling(self.service, conn, self.community, datetime.now(UTC)), event)


def test_nothing_goes_out_without_a_basis(sqlite_template: Path) -> None:
    machine = type("TestedConsent", (Consent,), {"template": sqlite_template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=14,
            deadline=None,
            # A shorter story would be easier to read, and takes minutes to find.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


@pytest.mark.parametrize("text", TEXTS)
def test_the_texts_of_the_machine_are_insights_of_a_carer(text: str) -> None:
    from plugin.listening import heard_in

    heard = heard_in(text)
    assert heard.insight.is_insight
    assert [tag.type for tag in heard.tags] == ["carer"]
