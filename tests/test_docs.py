"""What the pages say is what the program does."""

import re
from pathlib import Path

from webhooks.settings import SETTINGS

ROOT = Path(__file__).parent.parent


def test_the_readme_lists_every_setting_as_the_program_knows_it() -> None:
    rows = re.findall(r"^\| `(MANYVOICES_\w+)` \| (.+) \| (.+) \|$", (ROOT / "README.md").read_text(), re.M)
    assert rows == [(name, setting.help, setting.default_in_words) for name, setting in SETTINGS.items()]
