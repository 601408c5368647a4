"""Where a guest writes: look it over first, then keep the words and join, or send them to the editors."""

import re
import secrets
from datetime import UTC, datetime

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from plugin.consent import Purpose, newest_wording
from plugin.delivery import ask_address
from plugin.direct import preview_of, take_direct
from plugin.doors import doors_apart
from plugin.excerpts import pieces_of
from plugin.model import Comment
from plugin.privacy import LABELS
from plugin.store.addresses import save_address
from plugin.store.comments import direct_author
from plugin.store.kept import keep_words
from plugin.store.links import new_link
from plugin.store.opening import reading, writing
from webhooks.audience import open_to_all
from webhooks.guests import (
    LONGEST_NAME,
    LONGEST_WORDS,
    TRAP,
    Invitation,
    Written,
    count,
    guests,
    invitation,
    roles_to_choose,
    written,
)
from webhooks.knowing import LinkOver, visitor
from webhooks.mine import is_address
from webhooks.wiring import service

# What makes one sending known when a button is pressed twice.
ONCE = re.compile(r"[0-9a-f]{32}")

writing_pages = guests("writing", __name__)


@writing_pages.route("/<community>/write", methods=["GET", "POST"])
@open_to_all
def write(community: str) -> str:
    """Show the page to write on. The panel and "Change my words" bring along what was said so far."""
    guest = invitation(community)
    if request.method == "POST" and "text" not in request.form:
        count("chosen", guest)
    return _write_page(guest, written(), {})


@writing_pages.post("/<community>/review")
@open_to_all
def review(community: str) -> ResponseReturnValue:
    """Show the words as they would leave, before anything is stored or sent."""
    guest, form = invitation(community), written()
    mistakes = _mistakes(form)
    if mistakes:
        return _write_page(guest, form, mistakes), 422
    return _review_page(guest, form, {})


@writing_pages.post("/<community>/keep")
@open_to_all
def keep(community: str) -> ResponseReturnValue:
    """Keep the words under a key that stands in the link alone."""
    guest, form = invitation(community), written()
    mistakes = _mistakes(form)
    if mistakes:
        return _write_page(guest, form, mistakes), 422
    with writing(service().db) as conn:
        key = keep_words(
            conn,
            guest.host.id,
            guest.place_id,
            url=guest.prompt.return_to,
            words=form.text,
            choice=form.choice,
            at=datetime.now(UTC),
        )
    return redirect(url_for("kept.page", community=guest.host.slug, key=key), 303)


@writing_pages.post("/<community>/direct")
@open_to_all
def send(community: str) -> ResponseReturnValue:
    """Send the words to the editors, once however often the button is pressed, and lead to the receipt."""
    guest, form = invitation(community), written()
    mistakes = _mistakes(form)
    if mistakes:
        return _write_page(guest, form, mistakes), 422
    address = request.form.get("address", "").strip()
    mistakes = _mistakes_in_sending(form, address)
    if mistakes:
        return _review_page(guest, form, mistakes), 422
    text = preview_of(form.text, form.choice, "").taken_out if form.takes_out else form.text
    once = request.form.get("once", "")
    now = datetime.now(UTC)
    words = Comment(f"direct-{once if ONCE.fullmatch(once) else secrets.token_hex(16)}", now, now, text)
    with writing(service().db) as conn:
        author_id = direct_author(conn, guest.host.id, words.native_id)
        if author_id is None:
            author_id = take_direct(
                service(), conn, guest.host, guest.place, words, form.choice, is_held=form.is_from_program
            )
            if address and form.is_from_program:
                # Nobody is written to before a person has looked.
                save_address(conn, service().vault, author_id, address, "each", now)
            elif address:
                ask_address(service(), conn, guest.host.id, author_id, address, "each")
        token = new_link(conn, author_id, now, lasts=None)
    return redirect(url_for("writing.sent", community=guest.host.slug, token=token, url=guest.url or None), 303)


@writing_pages.get("/<community>/sent/<token>")
@open_to_all
def sent(community: str, token: str) -> str:
    """Thank somebody, say what happens next, and give them the link to their own page."""
    with reading(service().db) as conn:
        who = visitor(conn, community, token)
    guest = invitation(community)
    link = service().public_url + url_for("mine.page", community=who.community.slug, token=token)
    return render_template("members/sent.html", guest=guest, prompt=guest.prompt, link=link)


@writing_pages.errorhandler(LinkOver)
def link_over(_error: LinkOver) -> ResponseReturnValue:
    """Say kindly that a link opens nothing."""
    return render_template("members/link_over.html"), 410


def _write_page(guest: Invitation, form: Written, mistakes: dict[str, str]) -> str:
    return render_template(
        "members/write.html",
        guest=guest,
        prompt=guest.prompt,
        # A browser shows nothing where U+0000 stood, and a page must not hold one.
        text=form.text.replace("\x00", ""),
        form=form,
        roles=roles_to_choose(),
        chosen=form.types,
        mistakes=mistakes,
        longest=LONGEST_WORDS,
        trap=TRAP,
    )


def _review_page(guest: Invitation, form: Written, mistakes: dict[str, str]) -> str:
    preview = preview_of(form.text, form.choice, guest.title or gettext("Written to the editors"))
    doors, other_doors = doors_apart(form.text, guest.host.doors)
    spans = [(one.start, one.end) for one in preview.personal_data]
    return render_template(
        "members/review.html",
        guest=guest,
        prompt=guest.prompt,
        form=form,
        pieces=pieces_of(form.text, personal=spans),
        kinds=list(dict.fromkeys(LABELS[one.kind] for one in preview.personal_data)),
        preview=preview,
        doors=doors,
        other_doors=other_doors,
        consent=_asked("forward", guest),
        once=request.form.get("once") or secrets.token_hex(16),
        address=request.form.get("address", ""),
        mistakes=mistakes,
        longest_name=LONGEST_NAME,
        trap=TRAP,
    )


def _asked(purpose: Purpose, guest: Invitation) -> str:
    words: str = gettext(newest_wording(purpose).words)
    return words.format(community=guest.host.name)


def _mistakes(form: Written) -> dict[str, str]:
    """Return what is wrong with the words in one sentence for the field."""
    if not form.text.strip():
        return {"text": gettext("Please write a few words first.")}
    if "\x00" in form.text:
        return {
            "text": gettext("There was a character in it that we cannot keep. We took it out. Please look it over.")
        }
    if form.length > LONGEST_WORDS:
        return {"text": gettext("It is longer than we can take. Please make it shorter, or send it in two parts.")}
    return {}


def _mistakes_in_sending(form: Written, address: str) -> dict[str, str]:
    """Return what is missing before the words may go to the editors, by field."""
    found = {}
    if "forward" not in form.purposes:
        found["forward"] = gettext("Please tick the box if the editors may read your words. Without it nothing goes.")
    if form.credit.kind == "chosen" and not form.credit.name:
        found["name"] = gettext("Please write the name that you choose, or choose another credit.")
    if address and not is_address(address):
        found["address"] = gettext("Please write an email address, such as name@example.org, or leave it empty.")
    return found
