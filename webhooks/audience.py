"""Whom each route is for. Every route says so; a test walks them all and fails on one that does not."""

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

OPEN = "all"
SIGNED = "signed"


def open_to_all(view: View) -> View:
    """Mark a view that anybody may see, guests without a cookie included."""
    return declared(view, OPEN)


def signed_door(view: View) -> View:
    """Mark a view that only a known signature opens."""
    return declared(view, SIGNED)


def declared(view: View, audience: str) -> View:
    """Write down whom a view is for: all, signed, or the name of a staff role."""
    view.audience = audience  # type: ignore[attr-defined]
    return view
