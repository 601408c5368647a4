"""The command that checks a summary against what it was made from, and names what differs."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from webhooks.commands.starting import database, settings

if TYPE_CHECKING:
    from plugin.verifying import Receipt


@click.command("verify-summary")
@click.argument("receipt", type=int, required=False)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check a summary that was saved as JSON, its words included.",
)
def verify_summary(receipt: int | None, file: Path | None) -> None:
    """Check a receipt by its number, or a saved summary: 0 where nothing differs, 1 where something does."""
    if (receipt is None) == (file is None):
        raise click.UsageError("Give the number of a receipt, or --file with a saved summary.")
    kept, saved = _saved(file) if file else (None, None)
    found = settings()
    with database(found) as db:
        from plugin.store.communities import community_by_id
        from plugin.store.discussions import discussion_by_id
        from plugin.store.opening import reading
        from plugin.store.summaries import discussed, receipt_by_id, receipt_for
        from plugin.store.themes import theme_lexicon
        from plugin.verifying import PURPOSE, differences

        with reading(db) as conn:
            if kept is None:
                kept = receipt_by_id(conn, receipt or 0)
            if kept is None:
                raise click.ClickException(f"There is no receipt {receipt}.")
            place = discussion_by_id(conn, kept.discussion)
            community = community_by_id(conn, place.community_id) if place else None
            if place is None or community is None:
                raise click.ClickException("The discussion of this summary is gone.")
            # The list of theme words may have been changed since: the one of that time is kept.
            words = theme_lexicon(conn, kept.lexicon)
            now = discussed(conn, place.id, community.expected_types, words=words)
        vault = found.vault()
        today = receipt_for(vault, place.id, community.expected_types, now)
        texts = {one.id: one.text for one in now.spoken}
        problems = differences(vault.key_for(PURPOSE), kept, today, texts, saved)
    for problem in problems:
        click.echo(problem)
    if problems:
        sys.exit(1)
    click.echo(f"The summary is what it was made from: {kept.comments} comments, {len(kept.lines)} lines.")


def _saved(file: Path) -> "tuple[Receipt, dict[int, str]]":
    from plugin.verifying import Input, Receipt, SealedLine

    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        receipt = content["receipt"]
        receipt["inputs"] = tuple(Input(**one) for one in receipt["inputs"])
        receipt["lines"] = tuple(SealedLine(**one) for one in receipt["lines"])
        return Receipt(**receipt), {line["number"]: line["words"] for line in content["lines"]}
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(f"{file.name} is not a summary that was saved as JSON.") from None
