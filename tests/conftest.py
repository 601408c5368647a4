"""The stage for every story: real databases, the real app, a real small mail server and a real worker."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from once import compile_once, share_statements
from werkzeug.serving import make_server

from mail_server import Inbox, free_port, serving
from plugin import engine
from plugin.jobs import JOBS
from plugin.service import Service
from plugin.store.communities import Community, add_community, add_secret, community_by_slug
from plugin.store.migrating import migrate_tables
from plugin.store.opening import open_database, reading, writing
from plugin.store.staff import StaffRole, add_staff, new_sign_in_link
from webhooks.app import create_app
from webhooks.settings import Settings, settings_from
from webhooks.signatures import new_secret, secret_bytes
from webhooks.wiring import NAME

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
DATABASES = ("sqlite", "postgresql")

compile_once()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a module tells on one database only, as it says by `ONLY_ON`; begin with what takes longest."""
    # A server that is killed nine times is waited for, and at the end everybody would wait for it.
    items.sort(key=lambda item: item.path.name != "test_crashes.py")
    kept, left_out = [], []
    for item in items:
        only = getattr(getattr(item, "module", None), "ONLY_ON", None)
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        (left_out if only and params.get("database_url", only) != only else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Keep pytest-flask from pushing a context of its own, which leaks a sign-in from client to client."""


@pytest.fixture(autouse=True)
def _configure_application() -> None:
    """Keep pytest-flask from making the app before a test has said how its settings differ."""


@pytest.fixture(autouse=True)
def _monkeypatch_response_class() -> None:
    """Keep it from that here too: werkzeug's own test response has `json` by now."""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file that is migrated once and copied for each test."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite"
    db = open_database(f"sqlite:///{path}")
    engine.migrate(db)
    migrate_tables(db)
    db.dispose()
    with sa.create_engine(f"sqlite:///{path}").connect() as conn:
        conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL cluster of the tests' own; yield the address of its template database."""
    folder = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if folder is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is missing, and CI must not leave it out")
        pytest.skip("PostgreSQL is not installed: the tests on it are left out")
    with tempfile.TemporaryDirectory(prefix="manyvoices-postgresql-") as home:
        port = free_port()
        as_owner = _as_postgres(home)
        as_owner([f"{folder}/initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", f"{home}/data"])
        # Nothing in it has to outlive a power cut.
        quick = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off"
        options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c max_connections=200 {quick}"
        as_owner([f"{folder}/pg_ctl", "-w", "-D", f"{home}/data", "-l", f"{home}/log", "-o", options, "start"])
        address = f"postgresql://postgres@127.0.0.1:{port}/template_manyvoices"
        try:
            _on_server(address, "CREATE DATABASE template_manyvoices")
            db = open_database(address)
            engine.migrate(db)
            migrate_tables(db)
            db.dispose()
            yield address
        finally:
            as_owner([f"{folder}/pg_ctl", "-D", f"{home}/data", "-m", "immediate", "stop"])


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the address of a migrated, empty database: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        yield _sqlite_copy(request, tmp_path)
        return
    template: str = request.getfixturevalue("postgresql")
    name = f"mv_{os.getpid()}_{time.monotonic_ns()}"
    _on_server(template, f"CREATE DATABASE {name} TEMPLATE template_manyvoices")
    yield template.rpartition("/")[0] + f"/{name}"
    _on_server(template, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def environ(database_url: str, tmp_path: Path) -> dict[str, str]:
    """Return the settings that the app of a test is made with."""
    return {
        "MANYVOICES_DATABASE_URL": database_url,
        "MANYVOICES_DATA_DIR": str(tmp_path / "var"),
        "MANYVOICES_SECRET_KEY": "a secret key for tests, forty characters!",
    }


@pytest.fixture
def inbox(environ: dict[str, str]) -> Iterator[Inbox]:
    """Run a real mail server and let the app send by it."""
    with serving(Inbox()) as inbox:
        environ |= {
            "MANYVOICES_SMTP_HOST": "127.0.0.1",
            "MANYVOICES_SMTP_PORT": str(inbox.port),
            "MANYVOICES_SMTP_SECURITY": "none",
            "MANYVOICES_MAIL_FROM": "manyvoices@hub.example.org",
        }
        yield inbox


@pytest.fixture
def app(environ: dict[str, str]) -> Iterator[Flask]:
    """Yield the real app, in practice mode, on its own database."""
    app = _made(settings_from(environ))
    app.testing = True
    service: Service = app.extensions[NAME]
    share_statements(service.db)
    yield app
    service.jobs.close()
    service.db.dispose()


@pytest.fixture
def service(app: Flask) -> Service:
    """Return what the app works with."""
    found: Service = app.extensions[NAME]
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a browser without a past."""
    return app.test_client()


@pytest.fixture
def community(service: Service) -> Community:
    """Return the hub, attached: public comments go to its editors at once."""
    with writing(service.db) as conn:
        community_id = add_community(
            conn,
            slug="hub",
            platform="standard",
            name="The hub",
            base_url="https://hub.example.org",
            sign_up_url="https://hub.example.org/register/",
            sign_in_url="https://hub.example.org/login/",
            editorial_address="editors@hub.example.org",
            moderators_address="moderators@hub.example.org",
            wait_minutes=0,
        )
        add_secret(conn, service.vault, community_id, SECRET)
    with reading(service.db) as conn:
        found = community_by_slug(conn, "hub")
    assert found is not None
    return found


@pytest.fixture
def secret() -> bytes:
    """Return the key that the hub signs with."""
    return secret_bytes(SECRET)


@pytest.fixture
def other_secret() -> bytes:
    """Return a good key that nobody knows."""
    return secret_bytes(new_secret())


@pytest.fixture
def worker(service: Service) -> Iterator[Callable[[], None]]:
    """Run the real engine; yield a function that waits until nothing is left to do."""
    engine.start(service, JOBS, poll=0.08)

    def settle(seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while engine.pending_jobs(service.db):
            assert time.monotonic() < deadline, "the jobs did not end"
            time.sleep(0.03)

    yield settle
    engine.stop(patience=0)


@pytest.fixture
def live_url(app: Flask) -> Iterator[str]:
    """Serve the app over real HTTP and yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    app.config["LOOPBACK_URL"] = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield app.config["LOOPBACK_URL"]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sign_in(app: Flask, service: Service) -> Callable[[StaffRole], FlaskClient]:
    """Return a function that lets somebody with a role in by their link, and returns their browser."""

    def enter(role: StaffRole) -> FlaskClient:
        with writing(service.db) as conn:
            user_id = add_staff(conn, f"{role}@hub.example.org", role, None)
            link = new_sign_in_link(conn, user_id, datetime.now(UTC))
        browser = app.test_client()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(f"/staff/enter/{link}").text)
        assert token is not None
        browser.post(f"/staff/enter/{link}", data={"csrf_token": token[1]})
        return browser

    return enter


def _made(settings: Settings, tries: int = 5) -> Flask:
    # CPython 3.11 counts how deep it is in an AST for all threads together, and werkzeug compiles its routes by one:
    # where another thread does the same, it gives up with a SystemError (github.com/python/cpython/issues/106905).
    for _ in range(tries - 1):
        with contextlib.suppress(SystemError):
            return create_app(settings, practising=True)
    return create_app(settings, practising=True)


def _sqlite_copy(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    template: Path = request.getfixturevalue("sqlite_template")
    shutil.copy(template, tmp_path / "manyvoices.sqlite")
    return f"sqlite:///{tmp_path / 'manyvoices.sqlite'}"


def _as_postgres(home: str) -> Callable[[list[str]], None]:
    # PostgreSQL refuses to run as root; the user that Debian's package makes is there for this.
    is_root = os.geteuid() == 0
    if is_root:
        shutil.chown(home, "postgres")

    def run(command: list[str]) -> None:
        command = ["runuser", "-u", "postgres", "--", *command] if is_root else command
        subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL)

    return run


def _on_server(address: str, statement: str) -> None:
    server = open_database(address.rpartition("/")[0] + "/postgres").execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as conn:
        conn.exec_driver_sql(statement)
    server.dispose()
