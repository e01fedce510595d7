"""Notifications of ended and collapsed runs: on the page, through a webhook, through a command."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
import time
import urllib.request
from collections import deque
from dataclasses import asdict, dataclass

from simsiam_core.runs import CollapseReader, RunDirectory, Status

KEPT_EVENTS = 100
SEND_SECONDS = 30
ENDINGS = {
    "finished": "has finished.",
    "stopped": "was stopped.",
    "paused": "is paused.",
    "failed": "has failed.",
    "crashed": "has crashed.",
}


@dataclass(frozen=True)
class Event:
    """A notification about a run. `number` increases with every event; `kind` is a state or "collapsed"."""

    number: int
    time: float
    run: str
    kind: str
    text: str


class Notifier:
    """An observer of the scheduler that reports each end and each collapse of a run once.

    `url` receives a POST with the event as JSON; `command` runs with the event in SIMSIAM_RUN, SIMSIAM_EVENT
    and SIMSIAM_TEXT. Errors of either are printed and never affect the queue.
    """

    def __init__(self, url: str = "", command: str = "") -> None:
        self._url, self._command = url, command
        self._states: dict[str, str] | None = None
        self._collapses = CollapseReader()
        self._collapsed: set[str] = set()  # runs whose collapse was reported
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._number = 0

    def __call__(self, runs: dict[str, RunDirectory], statuses: dict[str, Status]) -> None:
        """Report changes since the previous call; the first call only records the states."""
        before, self._states = self._states, {run_id: status.state for run_id, status in statuses.items()}
        for run_id, status in statuses.items():
            if status.state == "running":
                self._check_collapse(runs[run_id], status)
            elif (
                before is not None
                and before.get(run_id) not in (None, status.state)
                and status.state in ENDINGS
            ):
                # A run may start and fail between two calls. Removal from the queue is not reported.
                if before[run_id] != "running" and status.state in ("stopped", "paused"):
                    continue
                self._tell(run_id, status.state, f"{ENDINGS[status.state]} {status.error or ''}".strip())

    def _check_collapse(self, run: RunDirectory, status: Status) -> None:
        if run.id in self._collapsed:
            return
        judged = self._collapses.read(run, status)
        if judged is not None and judged.collapsed:
            self._collapsed.add(run.id)
            self._tell(run.id, "collapsed", judged.news)

    def _tell(self, run_id: str, kind: str, text: str) -> None:
        self._number += 1
        event = Event(self._number, time.time(), run_id, kind, text)
        self.events.append(event)
        if self._url or self._command:
            threading.Thread(target=self._send, args=(event,), daemon=True).start()

    def _send(self, event: Event) -> None:
        try:
            if self._url:
                body = json.dumps(asdict(event)).encode()
                request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
                with urllib.request.urlopen(request, timeout=SEND_SECONDS):
                    pass
            if self._command:
                told = {"SIMSIAM_RUN": event.run, "SIMSIAM_EVENT": event.kind, "SIMSIAM_TEXT": event.text}
                subprocess.run(
                    shlex.split(self._command), env={**os.environ, **told}, timeout=SEND_SECONDS, check=True
                )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            print(f"The notification about {event.run} did not get through: {error}", flush=True)
