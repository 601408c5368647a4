"""The engine's queue with a clock of our own: what takes days there takes no time here."""

import heapq

import sqlalchemy as sa

from plugin import engine
from plugin.jobs import JOBS
from plugin.service import Service


class Clock:
    """Takes the place of the engine's queue: a job runs when its time has come, and the time is ours to move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.dead: list[str] = []
        self._due: list[tuple[float, int, str, str, int]] = []
        self._count = 0

    def enqueue(
        self, _conn: sa.Connection, job: str, subject: str, *, queue: str, attempt: int = 1, delay: float = 0
    ) -> None:
        assert queue == JOBS[job].queue
        self._count += 1
        heapq.heappush(self._due, (self.now + delay, self._count, job, subject, attempt))

    def run(self, service: Service, until: float = 10**9) -> None:
        while self._due and self._due[0][0] <= until:
            due, _, job, subject, attempt = heapq.heappop(self._due)
            # Whoever waited for a turn meanwhile made it later.
            self.now = max(self.now, due)
            try:
                engine._attempt(service, JOBS[job], job, subject, attempt)
            except engine.DeadLetter:
                self.dead.append(subject)
