"""Work out the pictures of a summary: places and sizes only, in the units of a drawing 320 wide.

On a screen of 320 px they are drawn at their own size, so that their text is still readable; each has a table beside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from plugin.summaries import Bin, ThemePicture, TypeRow

WIDTH = 320
# Beside the longest bar its number must fit: a gap, and so much for each digit.
FOR_NUMBERS, DIGIT = 16, 11
ROW = 76
ROW_OF_NOBODY = 46
# The columns of the timeline stand on a line at this height; below it the first and last day are written.
FLOOR = 120
BELOW = 26
LEAST_SEEN = 3.0
# Themes in the picture; the table has them all.
MOST_THEMES = 10
THEME_ROW = 58
LETTER = 8.4
WIDEST_COLUMN = 44


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the picture of who speaks."""

    label: str
    people: int
    comments: int
    top: int
    people_width: float
    comments_width: float


@dataclass(frozen=True, slots=True)
class Bars:
    """The picture of who has spoken."""

    width: int
    height: int
    rows: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One day, week, month or year of the timeline."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Columns:
    """The picture of when people wrote. `most` is what the tallest column stands for."""

    width: int
    height: int
    floor: int
    most: int
    rows: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """How many people of one type speak of a theme: a circle whose area says so; none has no radius."""

    x: float
    radius: float
    people: int


@dataclass(frozen=True, slots=True)
class DotRow:
    """A theme in the grid: its label stands above its dots."""

    label: str
    top: float
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A type over its column, written upwards."""

    label: str
    x: float


@dataclass(frozen=True, slots=True)
class Grid:
    """The picture of which type speaks of which theme."""

    width: int
    height: float
    head: float
    headings: tuple[Heading, ...]
    rows: tuple[DotRow, ...]


def bars_of(rows: Sequence[TypeRow]) -> Bars:
    """Return the picture of who speaks: both kinds of bar on one scale, every type drawn alike."""
    most = max([1, *(max(row.people, row.comments) for row in rows)])
    unit = (WIDTH - FOR_NUMBERS - DIGIT * len(str(most))) / most
    bars, top = [], 0
    for row in rows:
        bars.append(
            Bar(row.label, row.people, row.comments, top, round(unit * row.people, 1), round(unit * row.comments, 1))
        )
        top += ROW if row.people else ROW_OF_NOBODY
    return Bars(WIDTH, top, tuple(bars))


def columns_of(timeline: Sequence[Bin]) -> Columns:
    """Return the picture of when people wrote, the oldest at the left."""
    most = max([1, *(one.comments for one in timeline)])
    slot = min(WIDTH / max(1, len(timeline)), 2 * WIDEST_COLUMN)
    columns = []
    for number, one in enumerate(timeline):
        # One comment beside five hundred is still to be seen.
        height = max(LEAST_SEEN, (FLOOR - 24) * one.comments / most) if one.comments else 0.0
        columns.append(
            Column(round(number * slot, 1), round(FLOOR - height, 1), round(0.72 * slot, 1), round(height, 1))
        )
    return Columns(WIDTH, FLOOR + BELOW, FLOOR, most, tuple(columns))


def grid_of(picture: ThemePicture) -> Grid:
    """Return the picture of which type speaks of which theme, for the themes that stand first."""
    slot = min(WIDTH / max(1, len(picture.types)), 2 * WIDEST_COLUMN)
    rows = picture.rows[:MOST_THEMES]
    most = max([1, *(count for row in rows for count in row.by_type)])
    largest = min(slot / 2 - 1, 13)
    head = LETTER * max([1, *(len(label) for _, label in picture.types)]) + 12
    places = [round((number + 0.5) * slot, 1) for number in range(len(picture.types))]
    return Grid(
        width=WIDTH,
        height=round(head + THEME_ROW * len(rows), 1),
        head=round(head, 1),
        headings=tuple(Heading(label, x) for (_, label), x in zip(picture.types, places, strict=True)),
        rows=tuple(
            DotRow(
                row.label,
                round(head + THEME_ROW * number, 1),
                tuple(
                    Dot(x, round(max(LEAST_SEEN, largest * sqrt(count / most)), 1) if count else 0.0, count)
                    for x, count in zip(places, row.by_type, strict=True)
                ),
            )
            for number, row in enumerate(rows)
        ),
    )
