"""A real FlaskBB with our plugin, in its own environment and its own process; people use it over HTTP as they would."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests

from webhooks.signatures import PROFILES, headers_for

ROOT = Path(__file__).parent.parent
PLUGIN = ROOT / "plugin" / "attach" / "flaskbb"
CONSTRAINTS = Path(__file__).parent / "flaskbb-constraints.txt"
PASSWORD = "a-long-pass-phrase-1"
POSTS_A_PAGE = 10
NEEDS_FLASKBB = "MANYVOICES_REQUIRE_FLASKBB"


def installed() -> tuple[Path, Path]:
    """Return the folder of FlaskBB's environment and a fresh forum's database, made once for each version of either.

    A cold start takes 40 to 60 s; what it makes lies in `var/`, which git does not see.
    """
    wheel_key = hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()[:12]
    venv = ROOT / "var" / f"flaskbb-{wheel_key}"
    venv.parent.mkdir(exist_ok=True)
    with (venv.parent / f"{venv.name}.lock").open("w") as lock:
        # The tests run in several processes, and only one of them should build.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / "built").exists():
            _build(venv)
        return venv, _template(venv)


def _build(venv: Path) -> None:
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([_python(), "-m", "venv", venv], check=True, stdin=subprocess.DEVNULL)
    _pip(venv, "--no-deps", "--no-compile", "-r", str(CONSTRAINTS))
    # FlaskBB keeps a log there and does not start without the folder.
    (next(venv.glob("lib/python3*/site-packages")) / "logs").mkdir()
    (venv / "built").touch()


def _python() -> str:
    """Return a Python that FlaskBB runs on. A name on the path is not enough: a shim may stand for nothing."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = [shutil.which(name) for name in ("python3.12", "python3.13")]
    for found in [*versions.glob("3.12.*/bin/python"), *versions.glob("3.13.*/bin/python"), *filter(None, named)]:
        asked = [
            str(found),
            "-c",
            "import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in ((3, 12), (3, 13)))",
        ]
        if subprocess.run(asked, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0:
            return str(found)
    if os.environ.get(NEEDS_FLASKBB):
        pytest.fail("FlaskBB needs Python 3.12 or 3.13, there is none here, and CI must not leave it out")
    pytest.skip("LEFT OUT: the tests on a real FlaskBB, which needs Python 3.12 or 3.13")


def _pip(venv: Path, *what: str) -> None:
    command = [
        venv / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--no-input",
        *what,
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _template(venv: Path) -> Path:
    """Install the plugin as an owner does, and keep the database of a forum that was just set up."""
    files = sorted(
        one for one in PLUGIN.rglob("*") if one.is_file() and one.suffix in (".py", ".toml", ".html", ".css")
    )
    files = [one for one in files if "build" not in one.parts]
    key = hashlib.sha256(b"".join(one.read_bytes() for one in files)).hexdigest()[:12]
    template = venv / f"forum-{key}.sqlite"
    if template.exists():
        return template
    source = venv / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    _pip(venv, "--no-deps", "--no-build-isolation", "--force-reinstall", str(source))
    home = venv / "setting-up"
    shutil.rmtree(home, ignore_errors=True)
    forum = FlaskBB(venv, home, port=1, receiver="http://127.0.0.1:1")
    admin = ["-u", "admin", "-e", "admin@example.org", "-p", PASSWORD]
    forum.run("install", "-f", *admin, "--enable-plugins", "manyvoices_flaskbb")
    with contextlib.closing(sqlite3.connect(forum.database)) as conn, conn:
        # Somebody joins at once here: there is no mail to answer.
        conn.execute("UPDATE settings SET value = 'false' WHERE key = 'ACTIVATE_ACCOUNT'")
        conn.execute("DELETE FROM manyvoices_queue")
    forum.database.rename(template)
    for old in venv.glob("forum-*.sqlite"):
        if old != template:
            old.unlink()
    return template


class FlaskBB:
    """A forum on this machine: started, killed, looked at, and asked what waits in its queue."""

    def __init__(self, venv: Path, home: Path, *, port: int, receiver: str, secret: str = "", **settings: Any) -> None:
        self.venv, self.home, self.port = venv, home, port
        self.url = f"http://127.0.0.1:{port}"
        self.database = home / "flaskbb.sqlite"
        self.log = home / "forum.log"
        self.process: subprocess.Popen[bytes] | None = None
        (home / "logs").mkdir(parents=True)
        lines = {
            "SERVER_NAME": f"127.0.0.1:{port}",
            "PREFERRED_URL_SCHEME": "http",
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{self.database}",
            "SECRET_KEY": "for tests",
            "WTF_CSRF_SECRET_KEY": "for tests",
            "LOG_PATH": str(home / "logs"),
            "RATELIMIT_ENABLED": False,
            "MAIL_SUPPRESS_SEND": True,
            "MANYVOICES_URL": receiver,
            "MANYVOICES_FORUM_URL": self.url,
            "MANYVOICES_COMMUNITY": "forum",
            "MANYVOICES_SECRET": secret,
            "MANYVOICES_RETRY_SECONDS": 0.3,
            "MANYVOICES_MOST_A_SECOND": 200,
            **settings,
        }
        (home / "flaskbb.cfg").write_text("".join(f"{name} = {value!r}\n" for name, value in lines.items()))

    def command(self, *what: str) -> list[str]:
        config = str(self.home / "flaskbb.cfg")
        return [str(self.venv / "bin" / "flaskbb"), "--instance", str(self.home), "--config", config, *what]

    def run(self, *what: str) -> str:
        """Run a command of the forum's and return what it says."""
        done = subprocess.run(
            self.command(*what),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            env=_environment(),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command("run", "--no-reload", "--host", "127.0.0.1", "--port", str(self.port)),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=_environment(),
            )
        deadline = time.monotonic() + 40
        while True:
            with contextlib.suppress(requests.ConnectionError):
                requests.get(self.url, timeout=20)
                return
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the forum's database, as its owner might."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as conn, conn:
            return conn.execute(query, values).fetchall()

    def waiting(self) -> list[str]:
        """Return the types of what waits in the queue, oldest first."""
        return [type_ for (type_,) in self.ask("SELECT type FROM manyvoices_queue ORDER BY id")]

    def shown(self) -> dict[str, str]:
        """Return the words of every comment that a guest can read, by the comment's id."""
        found: dict[str, str] = {}
        topics = self.ask("SELECT topic_id, count(*) FROM posts WHERE topic_id > 1 GROUP BY topic_id")
        for topic, number in [(id_, page + 1) for id_, posts in topics for page in range(-(-posts // POSTS_A_PAGE))]:
            page = requests.get(f"{self.url}/topic/{topic}", params={"page": number}, timeout=20)
            for id_, inside in re.findall(r'id="pid(\d+)">(.*?)<div class="post-footer">', page.text, re.S):
                words = re.sub(r"<blockquote.*</blockquote>", "", inside, flags=re.S)
                said = re.findall(r"<p>(.*?)</p>", words, re.S)
                found[id_] = "\n".join(unescape(re.sub("<[^>]+>", "", one)).strip() for one in said)
        return found


class Person:
    """Somebody with a browser: a session of their own, and the forms that they fill in."""

    def __init__(self, forum: FlaskBB, name: str = "") -> None:
        self.forum, self.name = forum, name
        self.session = requests.Session()

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.forum.url + path, timeout=30)

    def post(self, path: str, *, form: str = "", **fields: Any) -> requests.Response:
        """Fill in the form on the page `form` (or on `path` itself) and send it."""
        page = self.get(form or path)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert token is not None, f"no form on {form or path}: {page.status_code}"
        data = {"csrf_token": token[1], **fields}
        return self.session.post(self.forum.url + path, data=data, timeout=30, allow_redirects=False)

    def signs_up(self, *, path: str = "/auth/register", roles: tuple[str, ...] = ()) -> requests.Response:
        about = {"username": self.name, "email": f"{self.name}@example.org", "language": "en", "accept_tos": "y"}
        secret = {"password": PASSWORD, "confirm_password": PASSWORD}
        answer = self.post(path, manyvoices_role=list(roles), **about, **secret)
        assert answer.status_code == 302, answer.text
        return answer

    def signs_in(self) -> "Person":
        assert self.post("/auth/login", login=self.name, password=PASSWORD).status_code == 302
        return self

    def opens(self, title: str, words: str) -> str:
        """Open a topic and return its number."""
        answer = self.post("/1/topic/new", title=title, content=words)
        assert answer.status_code == 302, answer.text
        found = re.search(r"/topic/(\d+)", answer.headers["Location"])
        assert found is not None
        return found[1]

    def writes(self, topic: str, words: str) -> str:
        """Comment on a topic and return the comment's number."""
        answer = self.post(f"/topic/{topic}/post/new", content=words)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"].rpartition("/")[2]

    def edits(self, post: str, words: str) -> None:
        assert self.post(f"/post/{post}/edit", content=words).status_code == 302

    def does(self, what: str, path: str, **fields: str) -> None:
        """Press a moderator's button: hide, unhide, delete …"""
        answer = self.post(f"{path}/{what}", form="/1/topic/new", **fields)
        assert answer.status_code == 302, answer.text


def write_back(forum: FlaskBB, secret: bytes, type_: str, *, at: str, age: int = 0, **data: Any) -> requests.Response:
    """Send a write-back as Many Voices does."""
    body = json.dumps({"type": type_, "timestamp": at, "data": data}).encode()
    signed = headers_for(PROFILES["standard"], secret, f"back_{time.monotonic_ns()}", int(time.time()) - age, body)
    headers = {"Content-Type": "application/json", **signed}
    return requests.post(f"{forum.url}/manyvoices/webhooks", data=body, headers=headers, timeout=20)


@contextlib.contextmanager
def running(forum: FlaskBB) -> Iterator[FlaskBB]:
    """Run the forum, and end its process whatever happens."""
    try:
        forum.start()
        yield forum
    finally:
        forum.kill()


def _environment() -> dict[str, str]:
    # The forum lives apart: nothing of our own environment or our own coverage belongs to it.
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}
