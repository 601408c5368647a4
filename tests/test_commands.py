"""What an operator types, and what they are told: a plain sentence, never a traceback."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from plugin.service import Service
from plugin.store.communities import Community, all_communities, live_secrets
from plugin.store.opening import reading
from plugin.store.staff import all_staff
from webhooks.cli import COMMANDS, Commands, main
from webhooks.server import AlreadyServing, only_one
from webhooks.signatures import secret_bytes

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

PROGRAM = [sys.executable, "-W", "error", "-c", "from webhooks.cli import main; main(prog_name='manyvoices')"]
WARD = [
    *("community", "add", "ward", "--name", "Ward", "--url", "https://ward.example.org"),
    *("--sign-up", "https://ward.example.org/join", "--sign-in", "https://ward.example.org/in"),
    *("--editors", "editors@ward.example.org", "--moderators", "mods@ward.example.org"),
]


@pytest.fixture
def run(service: Service, environ: dict[str, str]):
    """Return a function that runs a command in this process, on the database of the test."""

    def run(*words: str, answer: str = "", **more: str) -> Result:
        result = CliRunner().invoke(main, words, env=environ | more, input=answer)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return run


def secret_in(output: str) -> bytes:
    found = re.search(r"whsec_\S+", output)
    assert found, "a secret was printed"
    return secret_bytes(found[0])


def live(service: Service, slug: str, *, after_hours: float = 0) -> list[bytes]:
    with reading(service.db) as conn:
        (community,) = (found for found in all_communities(conn) if found.slug == slug)
        return live_secrets(conn, service.vault, community.id, datetime.now(UTC) + timedelta(hours=after_hours))


def test_every_command_and_its_help_can_be_read() -> None:
    def walk(table: dict[str, tuple[str, str]], words: list[str]) -> None:
        for name in table:
            result = CliRunner().invoke(main, [*words, name, "--help"])
            assert result.exit_code == 0, result.output
            assert "Usage" in result.output
            command = Commands(table, help="").get_command(None, name)  # type: ignore[arg-type]
            if isinstance(command, Commands):
                walk(dict(command.table), [*words, name])

    walk(COMMANDS, [])


def test_wrong_settings_are_all_told_and_end_with_78(run) -> None:
    result = run("community", "list", MANYVOICES_PORT="eighty", MANYVOICES_SECRET_KEY="short")
    assert result.exit_code == 78
    assert result.stderr.splitlines() == [
        "MANYVOICES_SECRET_KEY: must have at least 32 characters",
        "MANYVOICES_PORT: not a valid integer",
    ]


def test_a_database_that_was_never_set_up_is_named(run, tmp_path: Path) -> None:
    result = run("community", "list", MANYVOICES_DATABASE_URL=f"sqlite:///{tmp_path}/new/empty.sqlite")
    assert result.exit_code == 1
    assert result.stderr == "Error: The database is not up to date. Run `manyvoices migrate` first.\n"


def test_a_database_that_does_not_answer_is_named_without_its_password(run) -> None:
    result = run("community", "list", MANYVOICES_DATABASE_URL="postgresql://voices:hunter2@127.0.0.1:1/voices")
    assert result.exit_code == 1
    assert result.stderr == "Error: The database does not answer (OperationalError). Look at MANYVOICES_DATABASE_URL.\n"


def test_a_community_is_attached_and_its_secret_shown_this_once(run, service: Service) -> None:
    result = run(*WARD)
    assert result.exit_code == 0, result.output
    assert f"{service.public_url}/webhooks/standard/ward" in result.output
    assert live(service, "ward") == [secret_in(result.output)]
    shown = run("community", "show", "ward").output
    assert "editors@ward.example.org" in shown
    assert "1 live" in shown
    assert "whsec" not in shown
    assert run("community", "list").output == "ward\tstandard\thttps://ward.example.org\tWard\n"


def test_a_slug_is_given_once(run) -> None:
    run(*WARD)
    again = run(*WARD)
    assert (again.exit_code, again.stderr) == (1, "Error: There is a community ward already.\n")


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--url", "ward.example.org", "not an address such as https://forum.example.org"),
        ("--url", "http://ward.example.org", "must begin with https://"),
        ("--url", "https://10.0.0.7", "not a public host"),
        ("--url", "https://intranet", "not a public host"),
        ("--sign-in", "https://me:secret@ward.example.org", "not an address"),
        ("--editors", "nobody", "not a mail address"),
        ("--platform", "usenet", "one of standard"),
        ("--expect", "wizard", "not a stakeholder type: wizard"),
        ("--wait", "-3", "not in the range"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(run, option: str, value: str, told: str) -> None:
    result = run(*WARD, option, value)
    assert result.exit_code == 2
    assert told in result.stderr
    assert run("community", "list").output == ""


def test_a_slug_that_would_not_fit_an_address_is_refused(run) -> None:
    result = run(*["../ward" if word == "ward" else word for word in WARD])
    assert result.exit_code == 2
    assert "lower-case letters" in result.stderr


def test_one_host_may_be_private_when_it_is_named(run) -> None:
    inside = [word.replace("https://ward.example.org", "http://localhost:5000") for word in WARD]
    assert run(*inside, "--private-host", "localhost").exit_code == 0
    other = ["mill" if word == "ward" else word for word in inside]
    assert run(*other, "--private-host", "elsewhere").exit_code == 2


def test_a_new_secret_leaves_the_old_one_a_day(run, service: Service) -> None:
    old = secret_in(run(*WARD).output)
    new = secret_in(run("community", "rotate-secret", "ward").output)
    assert live(service, "ward") == [new, old]
    assert live(service, "ward", after_hours=23) == [new, old]
    assert live(service, "ward", after_hours=25) == [new]


def test_a_secret_that_leaked_is_dropped_at_once(run, service: Service) -> None:
    run(*WARD)
    result = run("community", "rotate-secret", "ward", "--keep-hours", "0")
    assert "Older ones no longer count." in result.output
    assert live(service, "ward") == [secret_in(result.output)]


def test_removing_asks_for_the_slug(run, service: Service) -> None:
    run(*WARD)
    refused = run("community", "remove", "ward", answer="yes\n")
    assert refused.exit_code == 1
    assert "nothing was removed" in refused.stderr
    assert run("community", "remove", "ward", answer="ward\n").exit_code == 0
    assert run("community", "list").output == ""


def test_a_script_may_remove_without_being_asked(run) -> None:
    run(*WARD)
    assert run("community", "remove", "ward", "--yes").output == "Ward is removed, with all that it told us.\n"
    missing = run("community", "remove", "ward", "--yes")
    assert missing.stderr == "Error: There is no community ward. `manyvoices community list` shows them.\n"


def test_what_is_set_for_a_community_is_changed_and_the_rest_stays(run, service: Service) -> None:
    run(*WARD)
    changed = run("community", "set", "ward", "--question", "Were you there as {roles}?", "--time-zone", "Asia/Kolkata")
    assert changed.output == "Ward is changed: question, time zone.\n"
    with reading(service.db) as conn:
        (ward,) = all_communities(conn)
    assert (ward.question, ward.time_zone, ward.public_tags) == ("Were you there as {roles}?", "Asia/Kolkata", "none")
    run("community", "set", "ward", "--question", "", "--public-tags", "consented")
    with reading(service.db) as conn:
        (ward,) = all_communities(conn)
    assert (ward.question, ward.time_zone, ward.public_tags) == (None, "Asia/Kolkata", "consented")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("", "Name what to change"),
        ("--time-zone Europe/Camelot", "not a time zone"),
        ("--question {who}?", "only {title} and {roles} may stand in braces"),
        ("--write-back http://10.0.0.1/", "must begin with https://"),
        ("--editors nobody", "not a mail address"),
        ("--expect wizard", "not a stakeholder type: wizard"),
    ],
)
def test_a_change_that_cannot_be_right_is_refused_with_a_sentence(run, words: str, complaint: str) -> None:
    run(*WARD)
    refused = run("community", "set", "ward", *words.split())
    assert refused.exit_code == 2
    assert complaint in refused.stderr


def test_an_owner_says_where_their_pages_are_and_where_things_stand_on_them(run) -> None:
    run(*WARD)
    origins = ("--origin", "https://blog.ward.example.org/", "--origin", "https://ward.example.net")
    composer = "https://ward.example.org/compose/{discussion}"
    changed = run("community", "set", "ward", *origins, "--place", "comment=article > .c", "--compose", composer)
    assert changed.exit_code == 0, changed.output
    run("community", "set", "ward", "--place", "panel=#comments")
    shown = run("community", "show", "ward").output
    assert "https://blog.ward.example.org, https://ward.example.net" in shown
    assert "comment: article > .c" in shown
    assert "panel: #comments" in shown
    assert composer in shown
    run("community", "set", "ward", "--place", "comment=", "--origin", "", "--compose", "")
    shown = run("community", "show", "ward").output
    assert "panel: #comments" in shown
    for gone in ("article", "blog.ward", "{discussion}"):
        assert gone not in shown
    for words, told in (
        (("--origin", "https://*.example.org"), "not an origin"),
        (("--origin", "http://blog.ward.example.org"), "must begin with https://"),
        (("--place", "colour=red"), "one of comment, id"),
        (("--compose", "https://evil.example/{discussion}"), "not an address on https://ward.example.org"),
    ):
        refused = run("community", "set", "ward", *words)
        assert refused.exit_code == 2
        assert told in refused.output


def test_somebody_is_made_editor_of_one_community(run, service: Service, community: Community) -> None:
    result = run("staff", "add", "Edith@Hub.example.org", "--role", "editor", "--community", "hub")
    assert result.output == (
        "edith@hub.example.org is editor of hub.\n"
        "For a sign-in link, run `manyvoices staff add edith@hub.example.org` in a terminal.\n"
    )
    assert run("staff", "list").output == "edith@hub.example.org\teditor\thub\n"


def test_a_pipe_never_learns_a_sign_in_link(run, community: Community) -> None:
    assert "/staff/enter/" not in run("staff", "add", "edith@hub.example.org", "--role", "admin", "--all").output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("edith@hub.example.org --role editor", "--community SLUG or --all"),
        ("edith@hub.example.org --role editor --all --community hub", "--community SLUG or --all"),
        ("edith@hub.example.org --all", "--role editor, moderator or admin"),
        ("edith@hub.example.org", "There is no such account yet"),
        ("edith --role editor --all", "not a mail address"),
        ("edith@hub.example.org --role queen --all", "'queen' is not one of"),
        ("edith@hub.example.org --role editor --community nowhere", "There is no community nowhere"),
    ],
)
def test_a_role_that_cannot_be_given_is_explained(run, service: Service, words: str, told: str) -> None:
    result = run("staff", "add", *words.split())
    assert result.exit_code != 0
    assert told in result.stderr
    with reading(service.db) as conn:
        assert all_staff(conn) == []


def test_an_account_is_removed(run, community: Community) -> None:
    run("staff", "add", "edith@hub.example.org", "--role", "admin", "--all")
    assert run("staff", "remove", "EDITH@hub.example.org").exit_code == 0
    assert run("staff", "list").output == ""
    assert run("staff", "remove", "edith@hub.example.org").exit_code == 1


def test_one_database_file_is_served_by_one_process(tmp_path: Path) -> None:
    database = tmp_path / "voices.sqlite"
    with only_one(database), pytest.raises(AlreadyServing), only_one(database, patience=0):
        pass
    with only_one(database, patience=0):
        pass


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_on_sqlite_a_worker_of_its_own_is_refused(run) -> None:
    assert run("worker").stderr == "Error: On SQLite, `manyvoices serve` does the work itself.\n"


def test_a_taken_port_is_told(run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", MANYVOICES_PORT=str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "Set MANYVOICES_PORT to another." in result.stderr


def test_practice_keeps_to_this_machine(run) -> None:
    result = run("serve", "--practice", MANYVOICES_HOST="0.0.0.0")
    assert (result.exit_code, result.stderr[:38]) == (1, "Error: Practice is for this machine on")


def test_practice_never_stands_beside_a_real_community(run, community: Community) -> None:
    result = run("serve", "--practice")
    assert result.exit_code == 1
    assert "A real community is attached here" in result.stderr


@pytest.fixture
def fresh(tmp_path: Path) -> dict[str, str]:
    """Return the environment of somebody who has just installed us."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MANYVOICES_")}
    return kept | {"MANYVOICES_DATA_DIR": str(tmp_path / "var"), "MANYVOICES_PORT": port}


@pytest.fixture
def practice(fresh: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start `manyvoices serve --practice` as from a terminal, once it is ready."""
    subprocess.run([*PROGRAM, "migrate"], env=fresh, check=True, capture_output=True)
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--practice"], env=fresh, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    process.stdout = os.fdopen(screen, "rb", buffering=0)
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def printed_by(process: subprocess.Popen[bytes], until: str, seconds: float = 30) -> str:
    """Return what a program writes to its terminal up to some words."""
    assert process.stdout is not None
    text, deadline = "", time.monotonic() + seconds
    while until not in text:
        assert time.monotonic() < deadline, text
        if select.select([process.stdout], [], [], 0.2)[0]:
            with suppress(OSError):
                text += process.stdout.read(4096).decode()
    return text


def test_practice_runs_from_nothing_and_its_link_lets_somebody_in(
    practice: subprocess.Popen[bytes], fresh: dict[str, str]
) -> None:
    text = printed_by(practice, until="The sign-in link works once")
    link = re.search(r"http://\S+/staff/enter/\S+", text)
    assert link, text
    assert stat_of(fresh, "practice_secret") == stat_of(fresh, "secret_key") == 0o600
    with requests.Session() as browser:
        page = browser.get(link[0], timeout=10).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token
        answer = browser.post(link[0], data={"csrf_token": token[1]}, timeout=10, allow_redirects=False)
        assert answer.status_code == 302
    practice.send_signal(signal.SIGTERM)
    assert practice.wait(timeout=15) == 0


def stat_of(fresh: dict[str, str], name: str) -> int:
    return (Path(fresh["MANYVOICES_DATA_DIR"]) / name).stat().st_mode & 0o777
