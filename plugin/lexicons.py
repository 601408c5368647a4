"""Change a community's list of theme words. Each change makes a new list; an old one is never altered."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from plugin.stakeholders import theme_problems
from plugin.themes import ThemeLexicon, ThemeWords, themes_from
from plugin.vocabulary import lexicon_file, phrases

MOST_THEMES = 200
MOST_WORDS = 400
LONGEST = 80


class Refused(ValueError):  # noqa: N818 - named for the fact
    """A change that makes no good list; `problems` says why, in plain sentences."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class WordList:
    """The themes of a list, in their order."""

    themes: tuple[ThemeWords, ...]

    def theme(self, theme_id: str) -> ThemeWords:
        """Return the theme with this id; raise `Refused` where somebody has taken it away."""
        for theme in self.themes:
            if theme.id == theme_id:
                return theme
        raise Refused("This theme is not in the list any more.")

    @property
    def content(self) -> dict[str, Any]:
        """Return the list as `themes.toml` has it, ready for JSON."""
        return {"theme": [{"id": one.id, "label": one.label, "words": ", ".join(one.words)} for one in self.themes]}

    @property
    def digest(self) -> str:
        """Return what names this very list: the SHA-256 of its content."""
        return hashlib.sha256(_spelt(self.content).encode()).hexdigest()


@lru_cache(maxsize=1)
def packaged_list() -> WordList:
    """Return the list that comes with the program: version 0 everywhere."""
    return list_from(lexicon_file("themes.toml"))


def list_from(content: Mapping[str, Any]) -> WordList:
    """Return the list that a stored or packaged file holds."""
    return WordList(
        tuple(ThemeWords(one["id"], one["label"], tuple(phrases(one["words"]))) for one in content["theme"])
    )


def lexicon_of(words: WordList) -> ThemeLexicon:
    """Return a list ready to read comments with; the last few are kept, for making one takes a while."""
    return _lexicon(_spelt(words.content))


@lru_cache(maxsize=32)
def _lexicon(content: str) -> ThemeLexicon:
    return themes_from(json.loads(content))


def _spelt(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def add_theme(words: WordList, *, label: str, listing: str) -> tuple[WordList, str]:
    """Return the list with one more theme at its end, and the change in words."""
    theme = ThemeWords(_free_id(label, words), _label(label), _phrases(listing))
    return checked(WordList((*words.themes, theme))), f"Added “{theme.label}”."


def change_theme(words: WordList, theme_id: str, *, label: str, listing: str) -> tuple[WordList, str]:
    """Return the list with other words, or another name, for a theme. Its id stays, so its history does."""
    old = words.theme(theme_id)
    new = ThemeWords(old.id, _label(label), _phrases(listing))
    if new == old:
        raise Refused("Nothing is different from what the list has already.")
    said = [
        f"Renamed “{old.label}” to “{new.label}”." if new.label != old.label else "",
        _difference(f"Added to “{new.label}”", new.words, old.words),
        _difference(f"Taken from “{new.label}”", old.words, new.words),
    ]
    return checked(_with(words, new)), " ".join(one for one in said if one) or f"Reordered the words of “{new.label}”."


def remove_theme(words: WordList, theme_id: str) -> tuple[WordList, str]:
    """Return the list without a theme."""
    gone = words.theme(theme_id)
    return checked(_without(words, gone.id)), f"Removed “{gone.label}”."


def merge_themes(words: WordList, theme_id: str, *, into: str) -> tuple[WordList, str]:
    """Return the list with one theme taken into another, which keeps its id and name and gets all the words."""
    gone, kept = words.theme(theme_id), words.theme(into)
    if gone.id == kept.id:
        raise Refused("A theme cannot be merged with itself. Please choose another.")
    both = replace(kept, words=tuple(dict.fromkeys((*kept.words, *gone.words))))
    return checked(_with(_without(words, gone.id), both)), f"Merged “{gone.label}” into “{kept.label}”."


def split_theme(words: WordList, theme_id: str, *, label: str, listing: str) -> tuple[WordList, str]:
    """Return the list with some words of a theme moved to a new one, which stands behind it."""
    old, moved = words.theme(theme_id), _phrases(listing)
    strange = [one for one in moved if one not in old.words]
    if strange:
        raise Refused(f"“{strange[0]}” is not one of the words of “{old.label}”, so it cannot be moved from it.")
    if len(moved) == len(old.words):
        raise Refused(f"That would leave “{old.label}” without a word. Rename it instead.")
    new = ThemeWords(_free_id(label, words), _label(label), moved)
    left = replace(old, words=tuple(one for one in old.words if one not in moved))
    themes: list[ThemeWords] = []
    for theme in words.themes:
        themes += [left, new] if theme.id == old.id else [theme]
    return checked(WordList(tuple(themes))), f"Split “{new.label}” from “{old.label}”: {', '.join(moved)}."


def checked(words: WordList) -> WordList:
    """Return a list that is fit to read comments with, or raise `Refused` with all that is wrong."""
    problems = theme_problems(words.content)
    if not words.themes:
        problems.append("A list needs at least one theme.")
    if len(words.themes) > MOST_THEMES:
        problems.append(f"A list may have {MOST_THEMES} themes, and not more.")
    labels: dict[str, str] = {}
    for theme in words.themes:
        if labels.setdefault(theme.label.casefold(), theme.id) != theme.id:
            problems.append(f"There are two themes called “{theme.label}”.")
        if len(theme.label) > LONGEST:
            problems.append(f"The name “{theme.label[:20]}…” is longer than {LONGEST} characters.")
        if len(theme.words) > MOST_WORDS:
            problems.append(f"“{theme.label}” may have {MOST_WORDS} words, and not more.")
    if problems:
        raise Refused(*problems)
    return words


def _with(words: WordList, new: ThemeWords) -> WordList:
    return WordList(tuple(new if one.id == new.id else one for one in words.themes))


def _without(words: WordList, theme_id: str) -> WordList:
    return WordList(tuple(one for one in words.themes if one.id != theme_id))


def _label(label: str) -> str:
    return " ".join(label.split())


def _phrases(listing: str) -> tuple[str, ...]:
    # Comments are compared in plain spelling, and each line of the page's box is an entry too.
    plain = listing.replace("’", "'").replace("‘", "'").replace("\r", "").replace("\n", ",").replace(";", ",")
    return tuple(dict.fromkeys(phrases(plain)))


def _free_id(label: str, words: WordList) -> str:
    taken = {one.id for one in words.themes} | {NO_THEME}
    plain = re.sub(r"\W+", "_", label.lower(), flags=re.ASCII).strip("_")[:48] or "theme"
    if plain not in taken:
        return plain
    return next(f"{plain}_{number}" for number in range(2, len(taken) + 3) if f"{plain}_{number}" not in taken)


def _difference(what: str, more: Iterable[str], fewer: Iterable[str]) -> str:
    known = set(fewer)
    words = [one for one in more if one not in known]
    return f"{what}: {', '.join(words)}." if words else ""


# In an address it stands for the comments without any theme.
NO_THEME = "none"

# What a form of the page may ask for, and who answers it.
CHANGES: dict[str, Callable[..., tuple[WordList, str]]] = {
    "add": add_theme,
    "change": change_theme,
    "remove": remove_theme,
    "merge": merge_themes,
    "split": split_theme,
}
