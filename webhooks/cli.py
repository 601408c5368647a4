"""The command line. A command's module is loaded when it is called, so `manyvoices tag` starts fast."""

import importlib
from collections.abc import Mapping

import click


class Commands(click.Group):
    """A group that imports a command's module only when somebody calls it."""

    def __init__(self, table: Mapping[str, str], help: str) -> None:
        super().__init__(help=help)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or None where there is none."""
        if cmd_name not in self.table:
            return None
        module, _, function = self.table[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command


COMMANDS = {
    "tag": "webhooks.commands.tagging:tag",
}

main = Commands(COMMANDS, help="Many Voices: who speaks under your blogs, and what they have lived.")
