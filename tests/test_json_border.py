"""What the door takes for JSON."""

import contextlib
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhooks.json_border import BadJson, json_object

CAP = 256 * 1024
VALID = (Path(__file__).parent / "payloads/standard/comment.created__carer.json").read_bytes()
DEEP, MANY = "the body is nested more than 32 levels deep", "the body holds more than 2,000 names"
NOT_UTF8, NOT_JSON = "the body is not UTF-8 without a byte order mark", "the body is not JSON"
LARGE, INFINITE = "an integer does not fit in 63 bits", "a number is not finite"
TWICE, HALF = "an object holds the same name twice", "a string holds half of a surrogate pair"
NUL, ROOT, MORE = "a string holds a NUL character", "the body is not a JSON object", "something follows the JSON value"
EMPTY = "the body is empty"


def full(start, again, end):
    """Return a body that fills the cap with repetitions."""
    return start + again * ((CAP - len(start) - len(end)) // len(again)) + end


HOSTILE = [
    pytest.param(b"[" * 100_000 + b"]" * 100_000, DEEP, None, id="B1"),
    pytest.param(b'{"a":' * 40_000, MANY, None, id="B2"),
    pytest.param(b"[" * 5_000, DEEP, None, id="B3"),
    pytest.param(b'{"a":' + b"[" * 32 + VALID + b"]" * 32 + b"}", DEEP, None, id="B4"),
    pytest.param(b'{"id":' + b"1" * 4_301 + b"}", LARGE, "id", id="B5"),
    pytest.param(b'{"id":9223372036854775808}', LARGE, "id", id="B6 2^63"),
    pytest.param(b'{"data":[{"id":18446744073709551616}]}', LARGE, "data.0.id", id="B6 2^64"),
    pytest.param(b'{"id":1e400}', INFINITE, "id", id="B7 1e400"),
    pytest.param(b'{"id":NaN}', INFINITE, "id", id="B7 NaN"),
    pytest.param(b'{"id":-Infinity}', INFINITE, "id", id="B7 Infinity"),
    pytest.param(b'{"id":1,"id":2}', TWICE, "id", id="B8"),
    pytest.param(b'{"post":{"id":1,"i\\u0064":2}}', TWICE, "post.id", id="B8 by an escape"),
    pytest.param(b'{"data":{"text":"a\\ud800b"}}', HALF, "data.text", id="B9"),
    pytest.param(b'{"\\udfff":1}', HALF, None, id="B9 in a name"),
    pytest.param(b'{"text":"\\u0000a"}', NUL, "text", id="B10 start"),
    pytest.param(b'{"text":"a\\u0000b"}', NUL, "text", id="B10 middle"),
    pytest.param(b'{"text":"a\\u0000"}', NUL, "text", id="B10 end"),
    pytest.param(b"\xef\xbb\xbf" + VALID, NOT_UTF8, None, id="B11 BOM"),
    pytest.param(VALID.decode().encode("utf-16"), NOT_UTF8, None, id="B11 UTF-16"),
    pytest.param(VALID.decode().encode("utf-16-le"), NOT_UTF8, None, id="B11 UTF-16 without BOM"),
    pytest.param(VALID.decode().encode("utf-32"), NOT_UTF8, None, id="B11 UTF-32"),
    pytest.param(b'{"a":"\xff"}', NOT_UTF8, None, id="B12"),
    pytest.param(b'{"a":"\xc0\x80"}', NOT_UTF8, None, id="B12 overlong"),
    pytest.param(b"{" + b",".join(b'"%d":1' % n for n in range(22_000)) + b"}", MANY, None, id="B15 names"),
    pytest.param(b"null", ROOT, None, id="B17 null"),
    pytest.param(b"[1]", ROOT, None, id="B17 list"),
    pytest.param(b"1", ROOT, None, id="B17 number"),
    pytest.param(b'"a"', ROOT, None, id="B17 string"),
    pytest.param(VALID + b"{}", MORE, None, id="B18"),
    pytest.param(VALID + b"x", MORE, None, id="B18 letters"),
    pytest.param(b"", EMPTY, None, id="nothing"),
    pytest.param(b" \n", EMPTY, None, id="white space"),
    pytest.param(b"{'a':1}", NOT_JSON, None, id="single quotes"),
    pytest.param(b'{"a":"\n"}', NOT_JSON, None, id="bare line end in a string"),
    pytest.param(full(b'{"a":"', b'\\"', b""), NOT_JSON, None, id="string without end"),
    pytest.param(full(b'{"a":[', b"[],", b'"\\ud800"]}'), HALF, "a.87376", id="half a pair at the very end"),
    pytest.param(full(b'{"a":', b"9", b"}"), LARGE, "a", id="number that fills the cap"),
]
HEAVY = [
    pytest.param(full(b'{"a":["', "\u0315\u0300".encode(), b'"]}'), id="B13"),
    pytest.param(b'{"a":"' + "\ufdfa".encode() * 10_000 + b'"}', id="B14"),
    pytest.param(full(b'{"a":[', b"[],", b"[]]}"), id="B15 lists"),
    pytest.param(full(b'{"a":[', b"1,", b"1]}"), id="integers"),
    pytest.param(full(b'{"a":[', b'"",', b'""]}'), id="strings"),
    pytest.param(full(b'{"a":0.', b"9", b"}"), id="decimal that fills the cap"),
    pytest.param(full(b'{"a":"', b"\\u0041", b'"}'), id="escapes"),
]


@pytest.mark.parametrize(("body", "reason", "field"), HOSTILE)
def test_what_breaks_a_rule_is_refused_by_name(body, reason, field):
    with pytest.raises(BadJson) as refused:
        json_object(body)
    assert (refused.value.status, refused.value.reason, refused.value.field) == (400, reason, field)


@pytest.mark.parametrize("body", [pytest.param(*case.values[:1], id=case.id) for case in [*HOSTILE, *HEAVY]])
def test_nothing_takes_much_memory(body):
    tracemalloc.start()
    with contextlib.suppress(BadJson):
        json_object(body)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20 * 2**20


@pytest.mark.parametrize("case", HEAVY)
def test_heavy_but_honest_json_is_taken(case):
    assert json_object(case)


def test_the_limits_themselves_are_taken():
    assert json_object(b'{"a":' + b"[" * 31 + b"]" * 31 + b"}")
    assert json_object(b'{"a":9223372036854775807,"b":-9223372036854775808}')["a"] == 2**63 - 1
    assert len(json_object(json.dumps({str(n): n for n in range(2_000)}).encode())) == 2_000
    assert json_object(b' {"a":"\\ud83d\\ude00 \\\\u0000 [{:"} \n') == {"a": "😀 \\u0000 [{:"}
    assert json_object(VALID) == json.loads(VALID)


def test_a_name_that_could_be_words_is_not_repeated():
    with pytest.raises(BadJson) as refused:
        json_object(b'{"Ann Smith of Leeds":{"x":NaN}}')
    assert refused.value.field == "?.x"


TREE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc:{[\"\\", max_size=5), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(value=st.dictionaries(st.text("abc", max_size=3), TREE, max_size=4), ascii_only=st.booleans())
def test_honest_json_is_read_as_it_is(value, ascii_only):
    assert json_object(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=60) | st.text('{}[]":,\\u0d8e1-\x00 \n', max_size=60).map(str.encode))
def test_no_bytes_break_the_border(body):
    with contextlib.suppress(BadJson):
        assert isinstance(json_object(body), dict)
