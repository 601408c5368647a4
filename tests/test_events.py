"""Events survive the way through the database unchanged."""

import json
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.events import EVENTS, UnknownEvent, event_type, from_record, is_private, to_record

MOMENTS = st.datetimes(timezones=st.just(UTC))
EVENT = st.one_of([st.from_type(kind) for kind in EVENTS.values()])


@pytest.fixture(autouse=True, scope="module")
def _aware_times():
    from datetime import datetime

    st.register_type_strategy(datetime, MOMENTS)
    yield
    st.register_type_strategy(datetime, st.datetimes())


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_record_gives_back_the_same_event(data):
    event = data.draw(EVENT)
    record = to_record(event)
    again = from_record(json.loads(json.dumps(record)))
    assert again == event
    assert type(again) is type(event)
    assert record["type"] == event_type(event)


def test_every_type_is_named_once():
    assert len(set(EVENTS.values())) == len(EVENTS) == 13


def test_a_type_from_another_version_is_refused():
    with pytest.raises(UnknownEvent):
        from_record({"type": "comment.sung"})


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_only_private_discussions_are_private(data):
    event = data.draw(EVENT)
    discussion = to_record(event).get("discussion")
    assert is_private(event) is bool(discussion and discussion["audience"] == "private")
