"""The benchmark of the desk asks for every page that it says it measures."""

from webhooks.commands.bench_desk import pages_of, seconds_for_desk


def test_each_page_of_the_desk_is_measured_on_a_desk_that_grows() -> None:
    measured = dict(seconds_for_desk(None, (20, 40), times=1))
    assert list(measured) == [20, 40]
    for size, pages in measured.items():
        assert list(pages) == list(pages_of(size))
        assert all(seconds > 0 for seconds in pages.values())
