"""What the pages say is what the program does."""

import re
from pathlib import Path

import click
import pytest

from webhooks.cli import COMMANDS, Commands, main
from webhooks.settings import SETTINGS

ROOT = Path(__file__).parent.parent
NO_INDEX = "--no-emit-index-url"


def test_the_readme_lists_every_setting_as_the_program_knows_it() -> None:
    rows = re.findall(r"^\| `(MANYVOICES_\w+)` \| (.+) \| (.+) \|$", (ROOT / "README.md").read_text(), re.M)
    assert rows == [(name, setting.help, setting.default_in_words) for name, setting in SETTINGS.items()]


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda page: page.name)
def test_every_command_that_a_page_names_can_be_typed(page: Path) -> None:
    for name, word in re.findall(r"manyvoices ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", page.read_text(encoding="utf-8")):
        assert name in COMMANDS, f"manyvoices {name}"
        command = main.get_command(click.Context(main), name)
        if isinstance(command, Commands) and word:
            assert word in command.table, f"manyvoices {name} {word}"


def test_the_two_commands_of_the_readme_are_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    promised = re.findall(r"^make ([a-z-]+)", (ROOT / "README.md").read_text(), re.M)
    assert set(promised) == {"run", "test"}
    assert set(promised) <= set(targets)


def test_no_file_names_the_address_of_a_package_index() -> None:
    for name in ("requirements.txt", "requirements-test.txt", "requirements-build.txt", "Makefile", "pyproject.toml"):
        assert not re.search(r"--(extra-)?index-url|--find-links", (ROOT / name).read_text().replace(NO_INDEX, ""))
