"""What a payload in our own form means, and the page that explains the form."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plugin.events import (
    EVENTS,
    CommentApproved,
    CommentRef,
    CommentRemoved,
    event_type,
    from_record,
    is_private,
    to_record,
)
from plugin.forums.standard import AUTHOR_KINDS, TYPES, BadPayload, event_from
from plugin.model import Author
from webhooks.forums import RECEIVERS
from webhooks.json_border import json_object
from webhooks.signatures import PROFILES, new_secret, secret_bytes, verified

PAYLOADS = Path(__file__).parent / "payloads/standard"
PAGE = (Path(__file__).parent.parent / "docs/standard-webhooks.md").read_text()


def payload(name):
    return json_object((PAYLOADS / f"{name}.json").read_bytes())


def event(name):
    return event_from(payload(name), community="hub", delivery_id="msg_1")


def refusals(body):
    with pytest.raises(BadPayload) as refused:
        event_from(body, community="hub", delivery_id="msg_1")
    return refused.value.fields


def changed(path, value, name="comment.created__carer"):
    body = copy.deepcopy(payload(name))
    *parents, last = path.split(".")
    place = body
    for parent in parents:
        place = place[parent]
    place[last] = value
    return body


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.stem)
def test_each_payload_is_the_event_of_its_name_and_survives_the_database(path):
    heard = event(path.stem)
    assert event_type(heard) == path.stem.split("__")[0]
    assert (heard.key, heard.community, heard.source) == ("standard:hub:msg_1", "hub", "webhook")
    assert heard.occurred_at == datetime(2026, 11, 22, 20, tzinfo=UTC)
    assert from_record(json.loads(json.dumps(to_record(heard)))) == heard


def test_every_type_has_a_payload():
    assert {path.stem.split("__")[0] for path in PAYLOADS.glob("*.json")} == set(TYPES) == set(EVENTS)
    assert RECEIVERS["standard"].profile is PROFILES["standard"]


def test_a_carers_comment_arrives_whole():
    heard = event("comment.created__carer")
    assert heard.comment.text == "I am a carer for my mother.\n\nNobody told us about the new tablets."
    assert (heard.comment.native_id, heard.comment.parent_id, heard.comment.state) == ("4812", "4800", "visible")
    assert heard.comment.updated_at == heard.comment.created_at == datetime(2026, 11, 22, 19, 59, 58, tzinfo=UTC)
    assert (heard.discussion.native_id, heard.discussion.kind, heard.discussion.audience) == ("77", "blog", "public")
    assert heard.author == Author("9", "member", "Ann", None, ("Carers",), (("role", "carer"),))


def test_quoted_words_are_marked():
    assert event("comment.updated__quote").comment.text == "> I am a nurse.\n\nI am not."


def test_of_an_anonymous_author_nothing_but_the_id_is_kept():
    assert event("comment.created__anonymous").author == Author("m1", "anonymous")


def test_addresses_birthdays_and_tokens_do_not_pass():
    assert "CANARY" not in repr(event("comment.created__personal_fields"))


def test_a_private_discussion_is_told_as_private():
    assert is_private(event("comment.created__private_discussion"))
    assert not is_private(event("discussion.created__members_only"))


def test_approval_makes_visible_and_removal_needs_an_identity_only():
    approved, removed = event("comment.approved__was_pending"), event("comment.deleted__whole")
    assert isinstance(approved, CommentApproved)
    assert approved.comment.state == "visible"
    assert isinstance(removed, CommentRemoved)
    assert removed.comment == CommentRef("c1", datetime(2026, 11, 22, 18, tzinfo=UTC))


def test_a_title_cannot_become_a_mail_header_and_a_leaver_has_no_name():
    assert event("discussion.updated__new_title").discussion.title == "Falls Bcc: x"
    assert event("member.deleted__with_name").author == Author("m1", "member")


def test_the_community_is_the_one_of_the_address_never_of_the_payload():
    assert event_from(changed("data.community", "other"), community="hub", delivery_id="1").community == "hub"


@pytest.mark.parametrize("value", ["1", 1, 2**63 - 1, "a" * 128, "https://x.example/c/1"])
def test_an_id_is_kept_as_a_string(value):
    heard = event_from(changed("data.comment.id", value), community="hub", delivery_id="1")
    assert heard.comment.native_id == str(value)


DATE = "not a date and time with a time zone"
WORD_OR_NUMBER = "not a string or an integer"
LINK = "not an http or https address"


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("data.comment.id", 1.0, WORD_OR_NUMBER),
        ("data.comment.id", True, WORD_OR_NUMBER),
        ("data.comment.id", None, "may not be null"),
        ("data.comment.id", ["x"], WORD_OR_NUMBER),
        ("data.comment.id", "", "not an id: empty, or with spaces around or control characters in it"),
        ("data.comment.id", "a" * 129, "longer than 128 characters"),
        ("data.comment.created_at", "9999-12-31T23:59:59-14:00", DATE),
        ("data.comment.created_at", "9999-12-31T23:59:59+14:00", "not between the years 1970 and 2200"),
        ("data.comment.created_at", "0001-01-01T00:00:00+14:00", DATE),
        ("data.comment.created_at", "1969-12-31T23:59:59Z", "not between the years 1970 and 2200"),
        ("data.comment.created_at", "2026-11-22T20:00:00", DATE),
        ("data.comment.created_at", "2026-11-22", DATE),
        ("data.comment.created_at", "2026-11-22T24:00:00Z", DATE),
        ("data.comment.created_at", "2016-12-31T23:59:60Z", DATE),
        ("data.comment.created_at", "2026-02-30T00:00:00Z", DATE),
        ("data.comment.created_at", "2026-11-22T20:00:00+99:99", DATE),
        ("data.comment.created_at", "٢٠٢٦-11-22T20:00:00Z", DATE),
        ("data.comment.created_at", 1_795_368_552, DATE),
        ("timestamp", "yesterday", DATE),
        ("data.comment.html", "a" * 200_001, "longer than 200000 characters"),
        ("data.comment.html", 7, "not a string"),
        ("data.comment.text", "both", "send one of html and text, and not both"),
        ("data.comment.state", "gone", "not one of: visible, pending, hidden, deleted"),
        ("data.comment.url", "javascript:alert(1)", LINK),
        ("data.comment.url", 7, "not a string"),
        ("data.comment.url", "//evil.example", LINK),
        ("data.comment.url", "https://hub.example@evil.example/", LINK),
        ("data.comment.url", "https://[", LINK),
        ("data.comment.url", "https://x.example:99999/", LINK),
        ("data.comment.url", "https://x.example/\n", LINK),
        ("data.comment.url", "https:\\\\evil.example", LINK),
        ("data.comment.url", "https://x.example/" + "a" * 2_000, "longer than 2000 characters"),
        ("data.discussion.audience", "staff", "not one of: public, members, private"),
        ("data.discussion.title", None, "may not be null"),
        ("data.discussion", [], "not an object"),
        ("data.author.kind", "robot", "not one of: " + ", ".join(AUTHOR_KINDS)),
        ("data.author.groups", "Carers", "not a list"),
        ("data.author.groups", ["a"] * 51, "more than 50 groups"),
        ("data.author.declared", {"Ann Smith": 1}, "not an object of strings"),
        ("data.author.declared", {str(n): "x" for n in range(51)}, "more than 50 fields"),
        ("data.author.declared", {"role": "x" * 201}, "a field longer than 200 characters"),
        ("data", [], "not an object"),
        ("data", None, "may not be null"),
        ("type", "comment.sung", "not one of: " + ", ".join(TYPES)),
        ("type", ["x"], "not one of: " + ", ".join(TYPES)),
    ],
)
def test_a_field_that_does_not_fit_is_named_and_its_value_is_not_repeated(path, value, reason):
    fields = refusals(changed(path, value))
    assert fields == {path: reason}


def test_every_wrong_field_is_named_at_once():
    body = {"type": "comment.created", "data": {"comment": {}, "author": {}}}
    assert refusals(body) == {
        "timestamp": "is missing",
        "data.comment.id": "is missing",
        "data.comment.created_at": "is missing",
        "data.comment.text": "send one of html and text, and not both",
        "data.discussion": "is missing",
        "data.author.kind": "is missing",
    }
    assert refusals({}) == {"type": "is missing"}


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "line\n" * 40_000, "", " \n ", "👩🏽‍⚕️" * 1_000, "a" + "\u0315\u0300" * 60_000]
)
def test_odd_words_are_kept_quickly(text):
    body = changed("data.comment.text", text)
    del body["data"]["comment"]["html"]
    start = time.process_time()
    assert event_from(body, community="hub", delivery_id="1").comment.text == text
    assert time.process_time() - start < 0.5


def test_a_refusal_carries_nothing_that_was_sent():
    body = changed("data.author.declared", {"CANARY": 1})
    body["data"]["comment"]["created_at"] = body["data"]["comment"]["url"] = "CANARY"
    with pytest.raises(BadPayload) as refused:
        event_from(body, community="hub", delivery_id="1")
    assert "CANARY" not in str(refused.value) + repr(refused.value.fields)
    assert refused.value.__suppress_context__


def example(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def test_the_example_on_the_page_is_an_event():
    assert event_type(event_from(json.loads(example("json")), community="hub", delivery_id="1")) == "comment.created"


def test_the_page_names_every_type_and_field():
    assert all(f"`{name}`" in PAGE for name in TYPES)
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `data."))
    for part, schema in TYPES["comment.created"][0].fields["data"].schema.fields.items():
        for name in schema.schema.fields:
            assert f"data.{part}.{name}`" in rows or f"or `{name}`" in rows


@pytest.mark.parametrize("command", [[sys.executable, "-c", example("python")], ["sh", "-euc", example("sh")]])
def test_the_examples_on_the_page_are_accepted(command, httpserver):
    if command[0] == "sh":
        assert shutil.which("curl")
        assert shutil.which("openssl")
    secret = new_secret()
    httpserver.expect_request("/webhooks/standard/hub", method="POST").respond_with_json({}, status=202)
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "MANYVOICES_SECRET": secret}
        | {"MANYVOICES_URL": httpserver.url_for("/webhooks/standard/hub")},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ((request, _),) = httpserver.log
    assert request.headers["content-type"] == "application/json"
    pairs = list(request.headers.items())
    verdict = verified(PROFILES["standard"], pairs, request.get_data(), [secret_bytes(secret)], time.time())
    assert verdict.ok
    heard = event_from(json_object(request.get_data()), community="hub", delivery_id=verdict.delivery_id)
    assert event_type(heard) == "ping"


def test_the_php_example_sends_the_same_headers(tmp_path):
    page = example("php")
    assert page.startswith("<?php")
    assert """hash_hmac('sha256', "$delivery.$timestamp.$body", $key, true)""" in page
    for header in ("content-type: application/json", "webhook-id: ", "webhook-timestamp: ", "webhook-signature: v1,"):
        assert header in page
    if php := shutil.which("php"):
        (tmp_path / "example.php").write_text(page)
        subprocess.run([php, "-l", tmp_path / "example.php"], check=True, capture_output=True)
