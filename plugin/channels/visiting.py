"""Look at a page as any visitor may, and see whether it is there and what its clock says. Its words are not read."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from plugin.channels.reaching import USER_AGENT, Unsafe, Way, session
from plugin.channels.webhook import NotTaken

# Seconds for one look.
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page answered; `seconds_off` is its clock, in whole seconds, less ours, or None where it shows none."""

    status: int
    seconds_off: float | None


def visit(url: str, *, private: bool) -> Visit:
    """Ask for the head of a page; raise NotTaken where no answer came.

    Args:
        url: where.
        private: whether its host need not be a public one.
    """
    way = Way(private, PATIENCE)
    with session(way) as going:
        try:
            asked_at = datetime.now(UTC)
            answer = going.head(url, headers={"User-Agent": USER_AGENT}, timeout=PATIENCE, allow_redirects=False)
            here = asked_at + (datetime.now(UTC) - asked_at) / 2
        except Unsafe:
            raise NotTaken("its host is not a public one", permanent=True) from None
        except (requests.RequestException, OSError, ValueError) as error:
            raise NotTaken(f"it could not be reached ({type(error).__name__})", permanent=False) from None
    return Visit(answer.status_code, _seconds_off(answer.headers.get("Date", ""), here))


def _seconds_off(date: str, here: datetime) -> float | None:
    try:
        there = parsedate_to_datetime(date)
    except ValueError:
        return None
    return ((there if there.tzinfo else there.replace(tzinfo=UTC)) - here).total_seconds()
