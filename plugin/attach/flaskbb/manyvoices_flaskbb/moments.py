"""How a point in time is written down: in UTC, to the microsecond, so that two of them compare as text."""

from datetime import UTC, datetime


def written(moment: datetime) -> str:
    """Return the moment as RFC 3339, always 27 characters long."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def identity(row_id: int, created: datetime) -> str:
    """Return a name for a row that stays its own: SQLite gives the number of a deleted row to the next one."""
    return f"{row_id}-{created.astimezone(UTC):%Y%m%d%H%M%S%f}"


def read(value: object) -> datetime | None:
    """Return the moment that an RFC 3339 string with a time zone means, or None."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value.upper())
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
