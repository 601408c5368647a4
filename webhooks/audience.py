"""Whom each route is for. Every route says so; a test walks them all and fails on one that does not."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

OPEN = "all"
SIGNED = "signed"
# Whoever is signed in, whatever they may do.
ANY_STAFF = "staff"

# How somebody shows who they are: signed in at a screen, a program by its token, or one or the other.
Way = Literal["session", "token", "either"]


def open_to_all(view: View) -> View:
    """Mark a view that anybody may see, guests without a cookie included."""
    return declared(view, OPEN)


def signed_door(view: View) -> View:
    """Mark a view that only a known signature opens."""
    return declared(view, SIGNED)


def declared(view: View, audience: str, way: Way = "session", *, writes: bool = False) -> View:
    """Write down whom a view is for and how they show that it is they.

    Args:
        view: which.
        audience: all, signed, staff, or the name of a staff role.
        way: by what they are known, for staff and their programs.
        writes: a program needs a token that may write.
    """
    view.audience = audience  # type: ignore[attr-defined]
    view.way = way  # type: ignore[attr-defined]
    view.writes = writes  # type: ignore[attr-defined]
    return view
