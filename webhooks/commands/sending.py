"""The command that posts a file of comments to a running service, as a forum would, and says what became of them."""

import csv
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import requests
    from tqdm import tqdm

TEXT_COLUMNS = ("text", "comment", "body", "message")
# How long a service may be busy, or a job may take, before we stop waiting (seconds).
PATIENCE = 120
LONGEST_PAUSE = 30


@dataclass(frozen=True, slots=True)
class Delivery:
    """One comment, ready to be signed. The same line of the same file has the same id whenever it is sent."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of everything that was sent."""

    refused: Counter[str]
    outcomes: list[Mapping[str, Any]]
    seconds: float


class Gone(Exception):  # noqa: N818 - named for the fact
    """Nothing answers there."""


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", help="The service. Without it, the one that the settings describe.")
@click.option("--community", default="practice", show_default=True, help="The community to speak for.")
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that holds its secret. Without it, that of the practice community.",
)
@click.option("--text-column", help="The column or key that holds the comment; without it, the first likely one.")
@click.option("--limit", type=click.IntRange(1), help="Send the first so many only.")
def send(
    file: Path, to: str | None, community: str, secret_file: Path | None, text_column: str | None, limit: int | None
) -> None:
    """Post FILE, signed, and say what became of it.

    FILE is a thread (.json), a table (.csv) or JSON lines (.jsonl). To send it again changes nothing.
    """
    address, secret = _destination(to, secret_file)
    told = list(_told(file, text_column, f"{address}/{community}/{file.stem}"))[:limit]
    if not told:
        raise click.ClickException(f"There is no comment in {file.name}.")
    deliveries = [_delivery(community, file.stem, data) for data in told]
    door = Door(address, community, secret)
    try:
        tally = _sent(door, deliveries)
    except Gone:
        raise click.ClickException(f"Nothing answers at {address}. Is `manyvoices serve` running?") from None
    click.echo(_table(tally))
    if tally.refused or _failed(tally):
        sys.exit(1)


class Door:
    """The webhook of one community, as its forum sees it."""

    def __init__(self, address: str, community: str, secret: bytes) -> None:
        import requests

        self.webhook = f"{address}/webhooks/standard/{community}"
        self.secret = secret
        self.session = requests.Session()
        # A proxy or a .netrc of the machine must not come between us and the service.
        self.session.trust_env = False

    def post(self, delivery: Delivery) -> tuple[int, str]:
        """Return the answer's status and what it complains of; a busy service is asked again when it says so."""
        headers = {"Content-Type": "application/json"}
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._ask("POST", self.webhook, delivery.id, delivery.body, headers)
            if answer.status_code not in (429, 503) or time.monotonic() > deadline:
                return answer.status_code, _complaint(answer)
            time.sleep(_pause(answer))

    def outcome(self, delivery_id: str) -> dict[str, Any]:
        """Return what became of a delivery; nothing where the service cannot say."""
        answer = self._ask("GET", f"{self.webhook}/deliveries/{delivery_id}", delivery_id, b"", {})
        if answer.status_code != 200:
            return {}
        found: dict[str, Any] = answer.json()
        return found

    def _ask(
        self, method: str, url: str, delivery_id: str, body: bytes, headers: dict[str, str]
    ) -> "requests.Response":
        import requests

        from webhooks.signatures import PROFILES, headers_for

        signed = headers_for(PROFILES["standard"], self.secret, delivery_id, int(time.time()), body)
        try:
            return self.session.request(
                method, url, data=body or None, headers=headers | signed, timeout=30, allow_redirects=False
            )
        except requests.ConnectionError:
            raise Gone from None
        except requests.Timeout:
            raise Gone from None


def _sent(door: Door, deliveries: list[Delivery]) -> Tally:
    began = time.monotonic()
    refused: Counter[str] = Counter()
    accepted = []
    with _progress("sending", len(deliveries)) as bar:
        for delivery in deliveries:
            status, complaint = door.post(delivery)
            if status == 401:
                raise click.ClickException(
                    "The service does not know this secret for this community "
                    "(or our clock and its own are more than five minutes apart)."
                )
            if status == 202:
                accepted.append(delivery.id)
            else:
                refused[f"{status} {complaint}".strip()] += 1
            bar.update()
    outcomes = _outcomes(door, accepted)
    return Tally(refused, outcomes, time.monotonic() - began)


def _outcomes(door: Door, accepted: list[str]) -> list[Mapping[str, Any]]:
    """Return what became of each delivery, once it is known; what stays unknown for long is returned as it is."""
    found: dict[str, Mapping[str, Any]] = {}
    with _progress("at work", len(accepted)) as bar:
        settled = _until_settled(door, accepted, _is_done, PATIENCE)
        for delivery_id, outcome in settled:
            found[delivery_id] = outcome
            bar.update()
    # A mail leaves a moment after the decision to send it; where authors have time to object, much later.
    on_their_way = [delivery_id for delivery_id, outcome in found.items() if not _has_left(outcome)]
    found |= dict(_until_settled(door, on_their_way, _has_left, 5))
    return [found.get(delivery_id, {}) for delivery_id in accepted]


def _until_settled(
    door: Door, asked: list[str], is_settled: Any, patience: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    waiting = list(asked)
    deadline = time.monotonic() + patience
    while waiting and time.monotonic() < deadline:
        # Jobs end in about the order they came in: to ask for the oldest is enough.
        for delivery_id in waiting[:20]:
            outcome = door.outcome(delivery_id)
            if is_settled(outcome):
                waiting.remove(delivery_id)
                deadline = time.monotonic() + patience
                yield delivery_id, outcome
        if waiting and not is_settled(outcome):
            time.sleep(0.1)
    for delivery_id in waiting:
        yield delivery_id, door.outcome(delivery_id)


def _is_done(outcome: Mapping[str, Any]) -> bool:
    return outcome.get("status") in ("done", "failed")


def _has_left(outcome: Mapping[str, Any]) -> bool:
    return (outcome.get("outcome") or {}).get("forward") not in ("waiting", "sending")


def _table(tally: Tally) -> str:
    """Return the figures as a small table."""
    about = [outcome.get("outcome") or {} for outcome in tally.outcomes]
    types = Counter(type_ for one in about for type_ in one.get("tags", []) if type_ != "unknown")
    insights = [one for one in about if one.get("insight")]
    urgent = [one for one in about if one.get("urgent")]
    forwarded = [one for one in about if one.get("forward") and not one.get("urgent")]
    unfinished = sum(not _is_done(outcome) for outcome in tally.outcomes)
    waiting = sum(one["forward"] != "sent" for one in forwarded)
    rows: list[tuple[str, object]] = [
        ("accepted", len(tally.outcomes)),
        ("tagged", sum(any(type_ != "unknown" for type_ in one.get("tags", [])) for one in about)),
        *((f"  {type_.replace('_', ' ')}", count) for type_, count in types.most_common()),
        ("insights", len(insights)),
        ("forwarded", f"{len(forwarded)}{f' ({waiting} not sent yet)' if waiting else ''}"),
        ("urgent", len(urgent)),
        *((f"refused: {complaint}", count) for complaint, count in tally.refused.most_common()),
        ("failed", _failed(tally)),
        *([("not done yet", unfinished)] if unfinished else []),
        ("seconds", f"{tally.seconds:.1f}"),
    ]
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in rows)


def _failed(tally: Tally) -> int:
    return sum(outcome.get("status") == "failed" for outcome in tally.outcomes)


def _progress(what: str, total: int) -> "tqdm[Any]":
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit="comment", disable=not sys.stderr.isatty(), leave=False)


def _pause(answer: "requests.Response") -> float:
    after = answer.headers.get("Retry-After", "")
    return min(float(after), LONGEST_PAUSE) if after.isdigit() else 2.0


def _complaint(answer: "requests.Response") -> str:
    """Return what the service says is wrong, in one line; it names fields, never words."""
    try:
        told = answer.json()
    except ValueError:
        return ""
    if not isinstance(told, dict):
        return ""
    fields = ", ".join(told.get("fields") or [told.get("field") or ""])
    return f"{told.get('error', '')}{f' ({fields})' if fields else ''}"


def _destination(to: str | None, secret_file: Path | None) -> tuple[str, bytes]:
    """Return where to send to and the key to sign with."""
    from webhooks.signatures import BadSecret, secret_bytes

    if to is None or secret_file is None:
        from webhooks.commands.starting import settings

        found = settings()
        to = to or found.public_url
        secret_file = secret_file or found.data_dir / "practice_secret"
    try:
        return to.rstrip("/"), secret_bytes(secret_file.read_text(encoding="ascii").strip())
    except OSError:
        raise click.ClickException(
            "There is no practice secret here. Start `manyvoices serve --practice` first, or say --secret-file."
        ) from None
    except (BadSecret, UnicodeDecodeError):
        raise click.ClickException(f"{secret_file} holds no secret that begins with whsec_.") from None


def _delivery(community: str, source: str, data: dict[str, Any]) -> Delivery:
    comment = data["comment"]
    line = "\n".join((community, source, str(comment["id"]), comment.get("html") or comment.get("text") or ""))
    at = comment.get("updated_at") or comment["created_at"]
    body = json.dumps({"type": "comment.created", "timestamp": at, "data": data}, ensure_ascii=False)
    digest = hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()
    return Delivery(f"send_{digest[:40]}", body.encode("utf-8", "replace"))


def _told(file: Path, text_column: str | None, url: str) -> Iterator[dict[str, Any]]:
    """Yield the `data` of an event for each comment of a file."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            if file.suffix == ".json":
                yield from _of_thread(json.load(lines), file.stem, url)
                return
            rows: Iterable[dict[str, Any]] = (
                csv.DictReader(lines) if file.suffix == ".csv" else _objects(lines, file.name)
            )
            yield from _of_rows(rows, file, text_column, url)
    except UnicodeDecodeError:
        raise click.ClickException(f"{file.name} is not UTF-8 text.") from None
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, csv.Error):
        raise click.ClickException(
            f"{file.name} is neither a thread (.json), nor a table (.csv), nor JSON lines (.jsonl)."
        ) from None


def _of_thread(thread: dict[str, Any], source: str, url: str) -> Iterator[dict[str, Any]]:
    discussion = {
        "id": source,
        "title": thread["title"],
        "url": thread.get("url") or url,
        "published_at": f"{thread['date']}T00:00:00Z" if thread.get("date") else None,
    }
    for comment in thread["comments"]:
        yield {
            "comment": {
                "id": f"{source}-{comment['id']}",
                "parent_id": f"{source}-{comment['parent']}" if comment.get("parent") else None,
                "url": f"{discussion['url']}#comment-{comment['id']}",
                "html": comment["body"],
                "created_at": comment["created_at"],
                "updated_at": comment.get("edited_at"),
            },
            "discussion": discussion,
            "author": _author(comment["author"]),
        }


def _author(author: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": author.get("id"),
        "kind": "guest" if author.get("id") is None else "member",
        "display_name": author.get("name"),
        "groups": author.get("groups") or [],
        "declared": {"role": author["declared_role"]} if author.get("declared_role") else {},
    }


def _of_rows(rows: Iterable[dict[str, Any]], file: Path, text_column: str | None, url: str) -> Iterator[dict[str, Any]]:
    # Nobody says when these were written; the file's own date is as near as we come.
    written = datetime.fromtimestamp(int(file.stat().st_mtime), UTC).isoformat()
    discussion = {"id": file.stem, "title": file.stem.replace("_", " "), "url": url}
    for number, row in enumerate(rows, start=1):
        text = row[_text_column(row, text_column, file.name)]
        if not (text or "").strip():
            continue
        yield {
            "comment": {
                "id": f"{file.stem}-{row.get('id') or number}",
                "url": f"{url}#row-{number}",
                "text": text,
                "created_at": row.get("created_at") or written,
            },
            "discussion": discussion,
            "author": {"kind": "guest"},
        }


def _text_column(row: Mapping[str, Any], wanted: str | None, name: str) -> str:
    found = next((column for column in ((wanted,) if wanted else TEXT_COLUMNS) if column in row), None)
    if found is None:
        columns = ", ".join(str(column) for column in row)
        missing = f"no column {wanted}" if wanted else "no column that is likely to hold the comments"
        raise click.ClickException(f"{name} has {missing}. It has: {columns}. Name one with --text-column.")
    return found


def _objects(lines: Any, name: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError:
            raise click.ClickException(f"Line {number} of {name} is not JSON.") from None
        if not isinstance(found, dict):
            raise click.ClickException(f"Line {number} of {name} is not an object.")
        yield found
