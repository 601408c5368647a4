"""The benchmark runs, and each of its figures stands beside the yardstick of the same run."""

import json

import pytest
import structlog
from click.testing import CliRunner

from webhooks.cli import main


def test_the_benchmark_measures_every_part_beside_a_yardstick() -> None:
    result = CliRunner().invoke(main, ["bench", "--comments", "100", "--json"])
    structlog.reset_defaults()
    assert result.exit_code == 0, result.output
    rows = json.loads(result.output)
    assert [row["what"].partition(":")[0] for row in rows] == [
        "yardstick",
        "door",
        "door",
        "worker",
        "tagger",
        "summary",
        "summary",
    ]
    assert rows[0]["yardsticks"] == pytest.approx(1)
    assert all(0 < row["p50"] <= row["p99"] and row["yardsticks"] > 0 for row in rows)
