"""The benchmark of the desk asks for every page that it says it measures."""

from webhooks.commands.bench_desk import YARDSTICK, pages_of, taken_for_desk


def test_each_page_of_the_desk_is_measured_on_a_desk_that_grows_beside_a_yardstick() -> None:
    for size, rows in zip((20, 40), taken_for_desk(None, (20, 40), times=1), strict=True):
        assert {row.insights for row in rows} == {size}
        exported, for_programs = [row.page for row in rows[-2:]]
        assert [row.page for row in rows] == [YARDSTICK, *pages_of(size), exported, for_programs]
        assert rows[0].yardsticks == 1
        assert all(row.milliseconds > 0 and row.yardsticks > 0 for row in rows)
