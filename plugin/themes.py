"""Say what comments are about, with a list of words that a community can edit.

Clusters of short comments are never shown as themes: measured on twelve true themes they agreed
with people hardly better than chance. A word list can be read, disputed and mended.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from plugin.model import Evidence
from plugin.reading import reading_of
from plugin.vocabulary import lexicon_file, phrases

# Below this a share says more about who happened to write than about what people talk of.
FEWEST_COMMENTS = 15


@dataclass(frozen=True, slots=True)
class ThemeWords:
    """One theme of the lexicon: what it is called and the words that show it."""

    id: str
    label: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ThemeLexicon:
    """The themes in their order, and one pattern that finds all their words in a single pass."""

    themes: tuple[ThemeWords, ...]
    pattern: re.Pattern[str]
    theme_of: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme of one comment, with the author's words that show it."""

    id: str
    label: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class ThemeCounts:
    """What several comments are about: comments for each theme, the share with any, and other words.

    `by_theme` is empty where there are fewer than `FEWEST_COMMENTS` comments.
    """

    comments: int
    covered: int
    by_theme: tuple[tuple[str, int], ...]
    other_words: tuple[tuple[str, int], ...]

    @property
    def share_covered(self) -> float:
        """Return which part of the comments has a theme, from 0 to 1."""
        return self.covered / self.comments if self.comments else 0.0


@cache
def default_themes() -> ThemeLexicon:
    """Return the themes that come with the program, read once."""
    return themes_from(lexicon_file("themes.toml"))


def themes_from(content: Mapping[str, Any]) -> ThemeLexicon:
    """Return the theme lexicon of a parsed file."""
    themes = tuple(ThemeWords(one["id"], one["label"], tuple(phrases(one["words"]))) for one in content["theme"])
    theme_of: dict[str, list[str]] = {}
    for theme in themes:
        for word in theme.words:
            theme_of.setdefault(word, []).append(theme.id)
    words = sorted(theme_of, key=len, reverse=True)
    spelt = "|".join(re.escape(word).replace(r"\*", r"\w*").replace(r"\ ", r"[\s-]") for word in words)
    return ThemeLexicon(themes, re.compile(rf"\b(?:{spelt})\b"), {word: tuple(ids) for word, ids in theme_of.items()})


def themes_for(text: str, *, lexicon: ThemeLexicon | None = None) -> tuple[Theme, ...]:
    """Return what a comment is about, in the order of the lexicon; several themes are usual."""
    lexicon = lexicon or default_themes()
    reading = reading_of(text)
    spans: dict[str, list[Evidence]] = {}
    for match in lexicon.pattern.finditer(reading.folded):
        for theme in _themes_of_word(" ".join(match.group().replace("-", " ").split()), lexicon):
            spans.setdefault(theme, []).append(reading.evidence(*match.span()))
    return tuple(Theme(one.id, one.label, tuple(spans[one.id])) for one in lexicon.themes if one.id in spans)


def _themes_of_word(word: str, lexicon: ThemeLexicon) -> tuple[str, ...]:
    # "lift" of one theme and "lift*" of another both count: whoever adds a word cannot know all the others.
    spelt = (word, *(word[:end] + "*" for end in range(len(word), 1, -1)))
    return tuple(dict.fromkeys(theme for one in spelt for theme in lexicon.theme_of.get(one, ())))


def theme_counts(texts: Sequence[str], *, lexicon: ThemeLexicon | None = None) -> ThemeCounts:
    """Return what a set of comments is about; no themes are named under fifteen comments."""
    by_theme: Counter[str] = Counter()
    other: Counter[str] = Counter()
    covered = 0
    for text in texts:
        found = themes_for(text, lexicon=lexicon)
        by_theme.update(theme.id for theme in found)
        covered += bool(found)
        if not found:
            other.update(set(_frequent_words(reading_of(text).folded)))
    if len(texts) < FEWEST_COMMENTS:
        return ThemeCounts(len(texts), covered, (), ())
    common = tuple((word, count) for word, count in other.most_common(12) if count > 1)
    return ThemeCounts(len(texts), covered, tuple(by_theme.most_common()), common)


def digest_of(lexicon: ThemeLexicon) -> str:
    """Return what names this very list of theme words: the SHA-256 of its content."""
    content = {"theme": [{"id": one.id, "label": one.label, "words": ", ".join(one.words)} for one in lexicon.themes]}
    spelt = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(spelt.encode()).hexdigest()


def other_words(texts: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Return the words that most of these comments share, each with how many comments have it, at most twelve."""
    counts = Counter(word for text in texts for word in set(_frequent_words(reading_of(text).folded)))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((word, count) for word, count in ranked[:12] if count > 1)


_WORDS = re.compile(r"[^\W\d_]{4,}")


@cache
def _small_words() -> frozenset[str]:
    return frozenset(phrases(lexicon_file("themes.toml")["small_words"]))


@lru_cache(maxsize=256)
def _frequent_words(folded: str) -> tuple[str, ...]:
    return tuple(word for word in _WORDS.findall(folded) if word not in _small_words())
