"""Settings from the environment and an optional file. Every problem is reported at once, and no value of a secret."""

import os
import re
import secrets
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from dotenv import dotenv_values
from environs import Env, EnvValidationError, ValidationError, validate

if TYPE_CHECKING:
    from plugin.channels.email import Post
    from plugin.sealing import Vault

SETTINGS_FILE = "MANYVOICES_SETTINGS_FILE"
SHORTEST_KEY = 32
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HOST_NAME = re.compile(r"[A-Za-z0-9._:-]+")
ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")


class BadSettings(Exception):  # noqa: N818 - named for the fact
    """The settings cannot be used. `problems` has one plain sentence for each, without a value of a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided. The fields are the rows of SETTINGS, without their prefix."""

    database_url: str = field(repr=False)
    data_dir: Path
    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    public_url: str
    host: str
    port: int
    smtp_host: str
    smtp_port: int
    smtp_user: str
    smtp_password: str = field(repr=False)
    smtp_security: str
    mail_from: str
    write_backs_per_minute: int
    worker_name: str
    trusted_proxies: int
    log_level: str

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can reach the service."""
        return _is_loopback(self.public_url)

    @property
    def is_sqlite(self) -> bool:
        """Return whether the database is the embedded one: one file, one process."""
        return self.database_url.startswith("sqlite:")

    def vault(self) -> "Vault":
        """Return the keys that follow from the secret key and its fallbacks."""
        from plugin.sealing import Vault

        return Vault((self.secret_key, *self.secret_key_fallbacks))

    def post(self) -> "Post":
        """Return how mail leaves: by SMTP, or as files in the data folder where no server is set."""
        from plugin.channels.email import Post

        return Post(
            sender=self.mail_from or "manyvoices@localhost",
            folder=self.data_dir / "mail",
            host=self.smtp_host or None,
            port=self.smtp_port,
            user=self.smtp_user or None,
            password=self.smtp_password or None,
            security=self.smtp_security,
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: what it is without being set, how the README says so, and one line of help."""

    default: Any
    help: str
    shown_default: str | None = None
    checks: tuple[Any, ...] = ()

    @property
    def default_in_words(self) -> str:
        """Return the default as the README's table shows it."""
        return self.shown_default if self.shown_default is not None else str(self.default)


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Return the settings, or raise BadSettings with everything that is wrong with them.

    Args:
        environ: the environment. The file that MANYVOICES_SETTINGS_FILE names fills in what it leaves out.
    """
    values, problems = _with_file(environ)
    found = _read(values, problems)
    problems += _contradictions(found) if not problems else []
    if not found.get("secret_key") and not problems:
        problems += _keep_own_key(found)
    if problems:
        raise BadSettings(problems)
    return Settings(**found)


def _with_file(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the file's values under the environment's, and what is wrong with the file."""
    # An empty variable is how compose files and unit files say "not set".
    given = {name: value for name, value in environ.items() if name.startswith("MANYVOICES_") and value.strip()}
    path = given.get(SETTINGS_FILE)
    if path is None:
        return given, []
    try:
        # Without interpolation: a password may hold a dollar sign.
        in_file = dotenv_values(stream=StringIO(Path(path).read_text(encoding="utf-8")), interpolate=False)
    except (OSError, UnicodeDecodeError):
        return given, [f"{SETTINGS_FILE}: the file cannot be read"]
    unknown = [
        f"{SETTINGS_FILE}: {name} is not a setting" for name in in_file if name not in SETTINGS or name == SETTINGS_FILE
    ]
    return {name: value for name, value in in_file.items() if value} | given, unknown


class _Given(Env):
    """Reads from the mapping it is given, where environs would read the process's own environment."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(eager=False, expand_vars=False)
        self._given = values

    def _get_value(self, env_key: str, default: Any) -> Any:
        return self._given.get(env_key, default)


def _read(values: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """Return each field's value; add a line to `problems` for each that cannot be read."""
    env = _Given(values)
    found = {
        _field(name): _kind(env, setting)(name, setting.default, validate=setting.checks or None)
        for name, setting in SETTINGS.items()
        if name != SETTINGS_FILE
    }
    try:
        env.seal()
    except EnvValidationError as error:
        told = cast("dict[str, list[str]]", error.error_messages)
        problems += [f"{name}: {_plainly(message)}" for name, messages in told.items() for message in messages]
        return found
    return _filled_in(found, given=values)


def _field(name: str) -> str:
    return name.removeprefix("MANYVOICES_").lower()


def _kind(env: Env, setting: Setting) -> Any:
    kinds = ((int, env.int), (Path, env.path), (tuple, env.list))
    return next((read for kind, read in kinds if isinstance(setting.default, kind)), env.str)


def _plainly(message: str) -> str:
    """Return marshmallow's sentence in the tone of ours: a lower-case beginning, no full stop."""
    return message[:1].lower() + message[1:].rstrip(".")


def _filled_in(found: dict[str, Any], *, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the values with the defaults that follow from other values."""
    found["secret_key_fallbacks"] = tuple(key.strip() for key in found["secret_key_fallbacks"] if key.strip())
    found["database_url"] = found["database_url"] or f"sqlite:///{found['data_dir'] / 'manyvoices.sqlite'}"
    found["public_url"] = (found["public_url"] or f"http://localhost:{found['port']}").rstrip("/")
    found["worker_name"] = found["worker_name"] or f"{socket.gethostname()}-{os.getpid()}"
    found["smtp_security"] = found["smtp_security"].lower()
    found["log_level"] = found["log_level"].lower()
    if "MANYVOICES_SMTP_PORT" not in given:
        found["smtp_port"] = SMTP_PORTS[found["smtp_security"]]
    return found


def _contradictions(found: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with values that are each fine alone."""
    problems = []
    is_sqlite = found["database_url"].startswith("sqlite:")
    if not found["secret_key"] and not is_sqlite:
        problems.append("MANYVOICES_SECRET_KEY: PostgreSQL needs one that every process shares; set it explicitly")
    if not found["public_url"].startswith("https://") and not _is_loopback(found["public_url"]):
        problems.append("MANYVOICES_PUBLIC_URL: must begin with https://, unless it names this machine")
    if found["smtp_host"] and not found["mail_from"]:
        problems.append("MANYVOICES_MAIL_FROM: needed beside MANYVOICES_SMTP_HOST")
    if bool(found["smtp_user"]) != bool(found["smtp_password"]):
        problems.append("MANYVOICES_SMTP_USER, MANYVOICES_SMTP_PASSWORD: set both or neither")
    if found["smtp_password"] and found["smtp_security"] == "none" and found["smtp_host"] not in LOOPBACK:
        problems.append("MANYVOICES_SMTP_SECURITY: a password is never sent in the clear; use starttls or tls")
    return problems


def _keep_own_key(found: dict[str, Any]) -> list[str]:
    """Put the key from the data folder in, making it the first time; return what went wrong."""
    path = found["data_dir"] / "secret_key"
    try:
        found["secret_key"] = _key_kept_in(path)
    except OSError as error:
        return [f"MANYVOICES_DATA_DIR: no secret key can be kept there ({error.strerror})"]
    if len(found["secret_key"]) < SHORTEST_KEY:
        return ["MANYVOICES_DATA_DIR: the file secret_key in it is too short; put the right key back"]
    return []


def _key_kept_in(path: Path) -> str:
    """Return the key in a file; where there is none, make one that only its owner can read."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written whole beside it and then linked: of two that start at once, both read the same key.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".secret_key_") as fresh:
            fresh.write(secrets.token_urlsafe(48) + "\n")
            fresh.flush()
            os.fsync(fresh.fileno())
            with suppress(FileExistsError):
                os.link(fresh.name, path)
    return path.read_text(encoding="ascii").strip()


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


def _good_database(value: str) -> None:
    # Read by hand: SQLAlchemy takes a third of a second to import, and its error would repeat the password.
    if value and not re.match(r"sqlite:///.|postgres(ql)?(\+psycopg)?://.", value):
        raise ValidationError("must begin with sqlite:/// or postgresql://")


def _good_url(value: str) -> None:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValidationError("must be an address such as https://voices.example.org")
    if "@" in parts.netloc:
        raise ValidationError("must hold no name and no password")


def _long_enough(value: str) -> None:
    if value and len(value) < SHORTEST_KEY:
        raise ValidationError(f"must have at least {SHORTEST_KEY} characters")


def _all_long_enough(value: list[str]) -> None:
    for key in value:
        _long_enough(key.strip())


def _good_host(value: str) -> None:
    if value and not HOST_NAME.fullmatch(value):
        raise ValidationError("must be the name or the address of a machine")


def _good_sender(value: str) -> None:
    inside = re.fullmatch(r"[^<>\r\n]*<([^<>]+)>\s*", value)
    if value and not ADDRESS.fullmatch(inside[1] if inside else value):
        raise ValidationError("must be a mail address, or a name and a mail address in <…>")


def _one_of(*choices: str) -> Any:
    def check(value: str) -> None:
        if value.lower() not in choices:
            raise ValidationError(f"must be one of {', '.join(choices)}")

    return check


def _between(low: int, high: int) -> Any:
    return validate.Range(low, high, error=f"must be a number from {low} to {high}")


SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}

SETTINGS: dict[str, Setting] = {
    SETTINGS_FILE: Setting("", "A file of `NAME=value` lines; what the environment says wins.", "none"),
    "MANYVOICES_DATA_DIR": Setting(Path("var"), "The folder for the database, the generated key and unsent mail."),
    "MANYVOICES_DATABASE_URL": Setting(
        "", "`sqlite:///path` or `postgresql://user:password@host/name`.", "a file in the folder", (_good_database,)
    ),
    "MANYVOICES_SECRET_KEY": Setting(
        "",
        "At least 32 random characters. Every other key is derived from it. PostgreSQL needs it set.",
        "made once, in the folder",
        (_long_enough,),
    ),
    "MANYVOICES_SECRET_KEY_FALLBACKS": Setting(
        (), "Older keys, divided by commas: what they sealed can still be read.", "none", (_all_long_enough,)
    ),
    "MANYVOICES_PUBLIC_URL": Setting(
        "", "Where people reach the service; every link begins with it.", "`http://localhost:<port>`", (_good_url,)
    ),
    "MANYVOICES_HOST": Setting("127.0.0.1", "The address that the server listens on.", None, (_good_host,)),
    "MANYVOICES_PORT": Setting(8080, "The port that the server listens on.", None, (_between(1, 65535),)),
    "MANYVOICES_SMTP_HOST": Setting(
        "", "The mail server. Without one, mails are kept as `.eml` files in the folder.", "none", (_good_host,)
    ),
    "MANYVOICES_SMTP_PORT": Setting(587, "Its port.", "587, 465 or 25, as the security asks", (_between(1, 65535),)),
    "MANYVOICES_SMTP_USER": Setting("", "The name to sign in with there.", "none"),
    "MANYVOICES_SMTP_PASSWORD": Setting("", "The password to sign in with there.", "none"),
    "MANYVOICES_SMTP_SECURITY": Setting("starttls", "`starttls`, `tls` or `none`.", None, (_one_of(*SMTP_PORTS),)),
    "MANYVOICES_MAIL_FROM": Setting(
        "", "Whom mail comes from. Needed beside a mail server.", "`manyvoices@localhost`", (_good_sender,)
    ),
    "MANYVOICES_WRITE_BACKS_PER_MINUTE": Setting(
        50, "How much a forum is told in a minute at most, by each worker.", None, (_between(1, 600),)
    ),
    "MANYVOICES_WORKER_NAME": Setting(
        "",
        "This worker's own name (PostgreSQL); no two may share one.",
        "the machine's name and a number",
        (_good_host,),
    ),
    "MANYVOICES_TRUSTED_PROXIES": Setting(
        0, "How many proxies in front of us set `X-Forwarded-For`.", None, (_between(0, 9),)
    ),
    "MANYVOICES_LOG_LEVEL": Setting(
        "info", "`debug`, `info`, `warning` or `error`.", None, (_one_of("debug", "info", "warning", "error"),)
    ),
}
