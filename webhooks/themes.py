"""What people speak of across discussions: three lanes, the comments of each theme, and the words behind it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.crediting import speaker_words
from plugin.excerpts import Piece, excerpt_around, pieces_of
from plugin.lanes import (
    FEWEST_RISING,
    FEWEST_WEEKS_BEFORE,
    MOST_OF_FEW,
    WEEKS_BEFORE,
    Lanes,
    ThemeFigures,
)
from plugin.lexicons import CHANGES, NO_THEME, Refused, WordList, lexicon_of
from plugin.stakeholders import label_of
from plugin.store.audit import record
from plugin.store.comments import StoredComment
from plugin.store.communities import Community
from plugin.store.discussions import discussion_by_id
from plugin.store.opening import reading, writing
from plugin.store.staff import all_staff
from plugin.store.themes import (
    ChangedMeanwhile,
    comments_about,
    current_theme_lexicon,
    lanes_in,
    reading_progress,
    save_theme_version,
    theme_versions_of,
    unassigned,
)
from plugin.themes import themes_for
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

ON_A_PAGE = 30
WIDTH = 320
ROW = 46
# Each bar leaves room for its figure.
LONGEST_BAR = 284

themes = Blueprint("themes", __name__, url_prefix="/moderators/themes")


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a lane's picture, in its own units: the theme's people, and for a rise what was expected."""

    label: str
    people: int
    top: int
    width: float
    expected: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A lane drawn: one bar for each theme, in the order of the table beside it."""

    id: str
    title: str
    width: int
    height: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class About:
    """A comment on the page of a theme, with the words that show it."""

    id: int
    title: str
    discussion_id: int
    created_at: datetime
    speakers: tuple[str, ...]
    pieces: tuple[Piece, ...]


@themes.get("/")
@staff_only("moderator")
def first() -> ResponseReturnValue:
    """Go to the themes of the moderator's first community."""
    mine = communities_for("moderator")
    if not mine:
        return render_template("moderators/no_community.html")
    return redirect(url_for("themes.lanes", community=mine[0].slug))


@themes.get("/<community>.json")
@staff_only("moderator", "either")
def lanes_as_json(community: str) -> Response:
    """Return the three lanes for a program: docs/summaries.md has the fields."""
    here = _community(community)
    now = datetime.now(UTC)
    with reading(service().db) as conn:
        found, left_over = lanes_in(conn, here.id, now), unassigned(conn, here.id)
    return jsonify(
        common_cause=[_figures(one.theme) | {"evenness": one.evenness} for one in found.common_cause],
        rising=[_figures(one.theme) | {"mean": one.mean, "chance": one.chance} for one in found.rising],
        said_by_few={
            "now": [_figures(one) for one in found.few_now],
            "later": [_figures(one) for one in found.few_later],
        },
        about_no_theme=left_over.comments,
    )


@themes.get("/<community>")
@staff_only("moderator")
def lanes(community: str) -> str:
    """Show the three lanes of a community."""
    here = _community(community)
    now = datetime.now(UTC)
    with reading(service().db) as conn:
        found = lanes_in(conn, here.id, now)
        left_over = unassigned(conn, here.id)
        progress = reading_progress(conn, here.id)
    return render_template(
        "moderators/themes.html",
        here=here,
        communities=communities_for("moderator"),
        lanes=found,
        pictures=pictures_of(found),
        left_over=left_over,
        waited=(now - left_over.oldest).days if left_over.oldest else 0,
        progress=progress,
        no_theme=NO_THEME,
        label_of=label_of,
        fewest_rising=FEWEST_RISING,
        fewest_weeks=FEWEST_WEEKS_BEFORE,
        most_weeks=WEEKS_BEFORE,
        most_of_few=MOST_OF_FEW,
    )


@themes.get("/<community>/about/<theme>")
@staff_only("moderator")
def about(community: str, theme: str) -> str:
    """Show the comments about a theme, each with the words that show it; with "none", those about no theme."""
    here = _community(community)
    before = request.args.get("before", type=int)
    with reading(service().db) as conn:
        words = current_theme_lexicon(conn, here.id).words
        label = _label(words, theme)
        found = comments_about(conn, here.id, theme, before=before, limit=ON_A_PAGE)
        titles = {id_: discussion_by_id(conn, id_) for id_ in {one.discussion_id for one in found}}
    names = {id_: place.discussion.title if place else "" for id_, place in titles.items()}
    return render_template(
        "moderators/theme.html",
        here=here,
        communities=communities_for("moderator"),
        theme=theme,
        label=label,
        no_theme=NO_THEME,
        entries=[_about(one, theme, names[one.discussion_id], words) for one in found],
        older=found[-1].id if len(found) == ON_A_PAGE else None,
        is_first_page=before is None,
    )


@themes.get("/<community>/words")
@staff_only("moderator")
def words(community: str) -> str:
    """Show the list of theme words with the forms to change it, and its history."""
    return _words_page(_community(community))


@themes.post("/<community>/words")
@staff_only("moderator")
def change(community: str) -> ResponseReturnValue:
    """Make a new list from the one that the moderator saw (409 where another is newer), and read the comments again."""
    here, form = _community(community), request.form
    now, by = datetime.now(UTC), f"staff:{current_user.id}"
    try:
        with writing(service().db) as conn:
            newest = current_theme_lexicon(conn, here.id)
            if form.get("version", type=int) != newest.version:
                raise ChangedMeanwhile(newest)
            made, told = changed(newest.words)
            saved = save_theme_version(conn, here.id, made, after=newest.version, change=told, by=by, at=now)
            record(
                conn,
                service().vault,
                by=by,
                act="themes changed",
                subject=f"community:{here.id}",
                at=now,
                community_id=here.id,
                before={"version": newest.version},
                after={"version": saved.version, "change": told},
            )
            service().jobs.enqueue(conn, "read_again", f"{here.id}:{saved.version}", queue="ingest")
    except Refused as refused:
        return _words_page(here, problems=refused.problems), 400
    except ChangedMeanwhile:
        return _words_page(here, came_late=True), 409
    return redirect(url_for("themes.words", community=community, saved=saved.version), 303)


def changed(words: WordList) -> tuple[WordList, str]:
    """Return the list that the form in the request asks for, and the change in words; raise `Refused`."""
    form = request.form
    act, theme = form.get("act", ""), form.get("theme", "")
    if act not in CHANGES:
        raise Refused("Please choose what to do.")
    label, listing = form.get("label", ""), form.get("words", "")
    if act == "add":
        return CHANGES[act](words, label=label, listing=listing)
    if act == "remove":
        return CHANGES[act](words, theme)
    if act == "merge":
        return CHANGES[act](words, theme, into=form.get("into", ""))
    return CHANGES[act](words, theme, label=label, listing=listing)


def _figures(theme: ThemeFigures) -> dict[str, object]:
    return {
        "id": theme.id,
        "label": theme.label,
        "people": theme.people,
        "discussions": theme.discussions,
        "comments": theme.comments,
        "types": dict(theme.types),
    }


def pictures_of(found: Lanes) -> dict[str, Picture]:
    """Return a picture for each lane; each shows people, and that of rising also what was expected."""
    rising = [(one.theme.label, one.theme.weeks[0], one.mean) for one in found.rising]
    return {
        "common": _picture(
            "common", "People who speak of each shared theme.", _people(one.theme for one in found.common_cause)
        ),
        "rising": _picture("rising", "People this week, and as many as were expected.", rising),
        "few": _picture("few", "People who speak of each theme that few speak of.", _people(found.few_now)),
    }


def _people(themes: Iterable[ThemeFigures]) -> list[tuple[str, int, float | None]]:
    return [(theme.label, theme.people, None) for theme in themes]


def _picture(id_: str, title: str, rows: Sequence[tuple[str, int, float | None]]) -> Picture:
    most = max([1.0, *(max(people, expected or 0) for _, people, expected in rows)])
    unit = LONGEST_BAR / most
    bars = tuple(
        Bar(label, people, place * ROW, round(unit * people, 1), round(unit * expected, 1) if expected else None)
        for place, (label, people, expected) in enumerate(rows)
    )
    return Picture(id_, title, WIDTH, ROW * len(rows), bars)


def _community(slug: str) -> Community:
    # The guard has let in only those who have a say in this one.
    return next(one for one in communities_for("moderator") if one.slug == slug)


def _label(words: WordList, theme: str) -> str:
    if theme == NO_THEME:
        return "About no theme"
    found = [one.label for one in words.themes if one.id == theme]
    if not found:
        abort(404)
    return found[0]


def _about(stored: StoredComment, theme: str, title: str, words: WordList) -> About:
    spans = [
        (one.start, one.end)
        for found in themes_for(stored.comment.text, lexicon=lexicon_of(words))
        if found.id == theme
        for one in found.evidence
    ]
    text, kept = excerpt_around(stored.comment.text, spans)
    speakers = tuple(speaker_words(tag) for tag in stored.tags)
    pieces = pieces_of(text, says=kept)
    return About(stored.id, title, stored.discussion_id, stored.comment.created_at, speakers, pieces)


def _words_page(here: Community, *, problems: Sequence[str] = (), came_late: bool = False) -> str:
    with reading(service().db) as conn:
        versions = theme_versions_of(conn, here.id)
        progress = reading_progress(conn, here.id)
        addresses = {f"staff:{account.id}": account.email for account in all_staff(conn)}
    return render_template(
        "moderators/words.html",
        here=here,
        communities=communities_for("moderator"),
        versions=versions,
        newest=versions[0],
        progress=progress,
        addresses=addresses,
        problems=problems,
        came_late=came_late,
        form=request.form,
        saved=request.args.get("saved", type=int),
    )
