"""The web server: gunicorn with threads, and on SQLite the worker in the same process."""

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from plugin import engine
from plugin.jobs import CHORES, JOBS
from plugin.listening import warm_up
from plugin.service import Service
from webhooks.app import create_app
from webhooks.settings import Settings
from webhooks.wiring import NAME

# A killed master leaves its worker behind for 6 to 8 seconds.
PATIENCE = 15.0
THREADS = 16


class AlreadyServing(Exception):  # noqa: N818 - named for the fact
    """Another process serves this database file."""


@contextmanager
def only_one(database: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock that keeps a SQLite file to one serving process; raise AlreadyServing where it stays taken."""
    lock = os.open(database.with_name(f"{database.name}.serving"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + patience
        while not _taken(lock):
            if time.monotonic() > deadline:
                raise AlreadyServing
            time.sleep(0.2)
        # gunicorn's worker inherits it and keeps it for as long as it lives, whatever becomes of its master.
        yield
    finally:
        os.close(lock)


def is_free(host: str, port: int) -> bool:
    """Return whether we could listen there."""
    try:
        (family, kind, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError:
        return False
    return True


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, set up by our settings alone: no file and no variable of its own is read."""

    def __init__(self, settings: Settings, *, practising: bool, works: bool, announce: Callable[[], None]) -> None:
        self.settings = settings
        self.practising = practising
        self.works = works
        self.announce = announce
        super().__init__()

    def load_config(self) -> None:
        """Say how gunicorn is to run."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        for name, value in {
            "bind": f"{host}:{self.settings.port}",
            "worker_class": "gthread",
            # One process writes to SQLite, and rates are counted in it; threads wait for it and for the network.
            "workers": 1,
            "threads": THREADS,
            "preload_app": False,
            # It would put a file of its own into the home folder.
            "control_socket_disable": True,
            # The address of a sign-in link or a webhook is a secret: requests are not written down here.
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "graceful_timeout": 10,
            "timeout": 60,
            "proc_name": "manyvoices",
            "post_worker_init": self._begin,
            "worker_exit": self._end,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application; called in the worker."""
        return create_app(self.settings, practising=self.practising)

    def _begin(self, worker: Any) -> None:
        if self.works:
            warm_up()
            engine.start(self._service(), JOBS, CHORES, worker=self.settings.worker_name)
        if worker.age == 1:
            self.announce()

    def _end(self, _server: Any, _worker: Any) -> None:
        # A worker that could not even load the application has nothing to end.
        if self.callable is None:
            return
        if self.works:
            engine.stop()
        self._service().jobs.close()
        self._service().db.dispose()

    def _service(self) -> Service:
        found: Service = self.wsgi().extensions[NAME]
        return found


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
