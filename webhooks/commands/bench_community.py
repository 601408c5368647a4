"""The one community that every benchmark fills."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

SLUG = "bench"
HOME = "https://forum.example.org"


def add_bench(conn: "sa.Connection") -> int:
    """Put a community into an empty database, and return its id."""
    from plugin.store.communities import add_community

    return add_community(
        conn,
        slug=SLUG,
        platform="standard",
        name="Bench",
        base_url=HOME,
        sign_up_url=f"{HOME}/join",
        sign_in_url=f"{HOME}/in",
        editorial_address="editors@example.org",
        moderators_address="moderators@example.org",
    )
