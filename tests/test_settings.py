"""What an operator may say, and what they are told when it cannot be used."""

import stat
from pathlib import Path

import pytest

from webhooks.settings import SETTINGS, BadSettings, settings_from

KEY = "a secret key of more than forty characters"


@pytest.fixture
def data_dir(tmp_path: Path) -> str:
    return str(tmp_path / "var")


def problems_of(environ: dict[str, str]) -> list[str]:
    with pytest.raises(BadSettings) as refused:
        settings_from(environ)
    return refused.value.problems


def test_nothing_has_to_be_set(data_dir: str) -> None:
    settings = settings_from({"MANYVOICES_DATA_DIR": data_dir})
    assert settings.database_url == f"sqlite:///{data_dir}/manyvoices.sqlite"
    assert settings.public_url == "http://localhost:8080"
    assert settings.host == "127.0.0.1"
    assert settings.is_loopback
    assert settings.is_sqlite


def test_the_address_follows_the_port(data_dir: str) -> None:
    settings = settings_from({"MANYVOICES_DATA_DIR": data_dir, "MANYVOICES_PORT": "8099"})
    assert settings.public_url == "http://localhost:8099"


def test_a_key_is_made_once_and_only_its_owner_can_read_it(data_dir: str) -> None:
    first = settings_from({"MANYVOICES_DATA_DIR": data_dir})
    again = settings_from({"MANYVOICES_DATA_DIR": data_dir})
    assert first.secret_key == again.secret_key
    assert len(first.secret_key) >= 32
    assert stat.S_IMODE((Path(data_dir) / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in Path(data_dir).iterdir()] == ["secret_key"]


def test_a_key_that_is_set_makes_no_file(data_dir: str) -> None:
    settings_from({"MANYVOICES_DATA_DIR": data_dir, "MANYVOICES_SECRET_KEY": KEY})
    assert not Path(data_dir).exists()


def test_a_key_file_that_was_emptied_is_not_taken_for_a_key(data_dir: str) -> None:
    Path(data_dir).mkdir()
    (Path(data_dir) / "secret_key").write_text("")
    assert problems_of({"MANYVOICES_DATA_DIR": data_dir}) == [
        "MANYVOICES_DATA_DIR: the file secret_key in it is too short; put the right key back"
    ]


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    (problem,) = problems_of({"MANYVOICES_DATA_DIR": str(tmp_path / "taken" / "var")})
    assert problem == "MANYVOICES_DATA_DIR: no secret key can be kept there (Not a directory)"


def test_postgresql_wants_a_key_that_every_process_shares() -> None:
    (problem,) = problems_of({"MANYVOICES_DATABASE_URL": "postgresql://voices@db/voices"})
    assert problem == "MANYVOICES_SECRET_KEY: PostgreSQL needs one that every process shares; set it explicitly"


def test_everything_that_is_wrong_is_said_at_once_and_no_secret_with_it() -> None:
    problems = problems_of(
        {
            "MANYVOICES_DATABASE_URL": "mysql://root:hunter2@db/x",
            "MANYVOICES_SECRET_KEY": "hunter2",
            "MANYVOICES_SECRET_KEY_FALLBACKS": f"{KEY},hunter2",
            "MANYVOICES_PORT": "eighty",
            "MANYVOICES_TRUSTED_PROXIES": "99",
            "MANYVOICES_PUBLIC_URL": "voices.example.org",
            "MANYVOICES_SMTP_SECURITY": "ssl",
            "MANYVOICES_LOG_LEVEL": "loud",
            "MANYVOICES_MAIL_FROM": "nobody",
        }
    )
    assert sorted(problem.partition(":")[0] for problem in problems) == [
        "MANYVOICES_DATABASE_URL",
        "MANYVOICES_LOG_LEVEL",
        "MANYVOICES_MAIL_FROM",
        "MANYVOICES_PORT",
        "MANYVOICES_PUBLIC_URL",
        "MANYVOICES_SECRET_KEY",
        "MANYVOICES_SECRET_KEY_FALLBACKS",
        "MANYVOICES_SMTP_SECURITY",
        "MANYVOICES_TRUSTED_PROXIES",
    ]
    assert "hunter2" not in " ".join(problems)
    assert "MANYVOICES_PORT: not a valid integer" in problems
    assert "MANYVOICES_SECRET_KEY: must have at least 32 characters" in problems
    assert all("\n" not in problem for problem in problems)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"MANYVOICES_PUBLIC_URL": "http://voices.example.org"},
            "MANYVOICES_PUBLIC_URL: must begin with https://, unless it names this machine",
        ),
        (
            {"MANYVOICES_PUBLIC_URL": "https://voices:hunter2@example.org"},
            "MANYVOICES_PUBLIC_URL: must hold no name and no password",
        ),
        (
            {"MANYVOICES_SMTP_HOST": "mail.example.org"},
            "MANYVOICES_MAIL_FROM: needed beside MANYVOICES_SMTP_HOST",
        ),
        (
            {"MANYVOICES_SMTP_USER": "voices"},
            "MANYVOICES_SMTP_USER, MANYVOICES_SMTP_PASSWORD: set both or neither",
        ),
        (
            {
                "MANYVOICES_SMTP_HOST": "mail.example.org",
                "MANYVOICES_MAIL_FROM": "Many Voices <voices@example.org>",
                "MANYVOICES_SMTP_USER": "voices",
                "MANYVOICES_SMTP_PASSWORD": "hunter2",
                "MANYVOICES_SMTP_SECURITY": "none",
            },
            "MANYVOICES_SMTP_SECURITY: a password is never sent in the clear; use starttls or tls",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(environ: dict[str, str], problem: str) -> None:
    assert problems_of(environ | {"MANYVOICES_SECRET_KEY": KEY}) == [problem]


def test_no_secret_shows_when_settings_are_printed(data_dir: str) -> None:
    settings = settings_from(
        {
            "MANYVOICES_DATA_DIR": data_dir,
            "MANYVOICES_SECRET_KEY": KEY,
            "MANYVOICES_SECRET_KEY_FALLBACKS": KEY.upper(),
            "MANYVOICES_DATABASE_URL": "postgresql://voices:hunter2@db/voices",
            "MANYVOICES_SMTP_USER": "voices",
            "MANYVOICES_SMTP_PASSWORD": "hunter2",
        }
    )
    shown = repr(settings) + repr(settings.vault())
    assert "hunter2" not in shown
    assert "secret key of more" not in shown.lower()


def test_the_file_fills_in_what_the_environment_leaves_out(tmp_path: Path, data_dir: str) -> None:
    file = tmp_path / "settings"
    file.write_text(f"# ours\nMANYVOICES_PORT=9000\nMANYVOICES_HOST=::1\nMANYVOICES_SECRET_KEY='{KEY}${{HOME}}'\n")
    settings = settings_from(
        {"MANYVOICES_SETTINGS_FILE": str(file), "MANYVOICES_PORT": "9001", "MANYVOICES_DATA_DIR": data_dir}
    )
    assert (settings.port, settings.host) == (9001, "::1")
    assert settings.secret_key == KEY + "${HOME}"


def test_a_misspelt_name_in_the_file_is_not_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("MANYVOICES_PROT=9000\n")
    problems = problems_of({"MANYVOICES_SETTINGS_FILE": str(file), "MANYVOICES_SECRET_KEY": KEY})
    assert problems == ["MANYVOICES_SETTINGS_FILE: MANYVOICES_PROT is not a setting"]


def test_a_settings_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    problems = problems_of({"MANYVOICES_SETTINGS_FILE": str(tmp_path / "none"), "MANYVOICES_SECRET_KEY": KEY})
    assert problems == ["MANYVOICES_SETTINGS_FILE: the file cannot be read"]


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_mail_port_follows_the_security(security: str, port: int, data_dir: str) -> None:
    settings = settings_from({"MANYVOICES_DATA_DIR": data_dir, "MANYVOICES_SMTP_SECURITY": security})
    assert settings.smtp_port == port
    assert settings.post().security == security


def test_without_a_mail_server_mail_goes_into_the_folder(data_dir: str) -> None:
    post = settings_from({"MANYVOICES_DATA_DIR": data_dir}).post()
    assert post.host is None
    assert post.folder == Path(data_dir) / "mail"
    assert post.sender


def test_an_empty_variable_counts_as_not_set(data_dir: str) -> None:
    settings = settings_from({"MANYVOICES_DATA_DIR": data_dir, "MANYVOICES_PORT": "", "MANYVOICES_SECRET_KEY": ""})
    assert settings.port == 8080


def test_every_setting_has_its_line_of_help() -> None:
    assert all(setting.help.endswith(".") and "\n" not in setting.help for setting in SETTINGS.values())
