"""What Alembic runs: our own tables only, on the connection that it is given."""

from alembic import context

from plugin.store import digests, practice, staff, tables

# All of them add their tables to the one metadata.
SOURCES = (tables, staff, practice, digests)

OURS = set(tables.metadata.tables)


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Return whether Alembic may look at this: the engine's tables share the database and are not ours."""
    return kind != "table" or name in OURS


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    include_name=is_ours,
    # SQLite cannot alter a column in place.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
