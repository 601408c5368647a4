"""The command line. A command's module is loaded when it is called, so `manyvoices tag` starts fast."""

import importlib
from collections.abc import Mapping

import click


class Commands(click.Group):
    """A group that imports a command's module only when somebody calls it.

    `table` gives each command's name its place, "module:function", and one line of help.
    """

    def __init__(self, table: Mapping[str, tuple[str, str]], help: str) -> None:
        super().__init__(help=help)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or None where there is none."""
        if cmd_name not in self.table:
            return None
        module, _, function = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading one of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in self.table.items()])


COMMANDS = {
    "migrate": ("webhooks.commands.serving:migrate", "Bring the database up to date."),
    "serve": ("webhooks.commands.serving:serve", "Answer webhooks and show the pages; --practice for a trial."),
    "worker": ("webhooks.commands.serving:worker", "Do the work on PostgreSQL, beside any number of others."),
    "community": ("webhooks.commands.communities:community", "Attach a community; list, show or remove one."),
    "backfill": ("webhooks.commands.backfilling:backfill", "Read what a forum's people wrote before we were attached."),
    "doctor": ("webhooks.commands.doctor:doctor", "Look whether a community is well attached; say what to do."),
    "member": ("webhooks.commands.members:member", "Send a member the link to their own page."),
    "desk": ("webhooks.commands.reindexing:desk", "Make what the desk finds insights by anew."),
    "receivers": ("webhooks.commands.receivers:receivers", "Add, list or remove programs that are told of insights."),
    "staff": ("webhooks.commands.accounts:staff", "Give somebody a role; list or remove accounts."),
    "send": ("webhooks.commands.sending:send", "Post a file of comments to a running service, signed."),
    "tag": ("webhooks.commands.tagging:tag", "Say who is speaking in each comment of a JSON-lines stream."),
    "explain": ("webhooks.commands.evaluating:explain", "Say why a text has its tags."),
    "evaluate": ("webhooks.commands.evaluating:evaluate", "Measure the tagger on labelled comments."),
    "retrain": ("webhooks.commands.training:retrain", "Fit the learned weights; a worse model is refused."),
    "teach": ("webhooks.commands.training:teach", "Let a sentence encoder write lessons for retrain."),
    "families": ("webhooks.commands.training:families", "Group the words that the learned weights look at."),
    "taxonomy": ("webhooks.commands.evaluating:taxonomy", "Check the taxonomy and the lexicon for mistakes."),
    "verify-summary": ("webhooks.commands.checking:verify_summary", "Check a summary; name what has changed since."),
    "audit": ("webhooks.commands.auditing:audit", "Check that the trail of who did what is as it was written."),
    "bench": ("webhooks.commands.benching:bench", "Measure how fast comments are taken in and handled."),
}

main = Commands(COMMANDS, help="Many Voices: who speaks under your blogs, and what they have lived.")
