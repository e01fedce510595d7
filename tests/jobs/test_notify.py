from __future__ import annotations

import http.server
import json
import threading
import time
from pathlib import Path

from pretended import begin, end
from tiny import tiny

from simsiam_core.jobs import Notifier
from simsiam_core.runs import Collapse, RunStore, Status
from simsiam_core.runs.collapse import PATIENCE_STEPS


def test_ends_and_collapses_are_told_once(store: RunStore, three: list, tmp_path: Path) -> None:
    heard: list[dict] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    note = tmp_path / "note"
    notifier = Notifier(f"http://127.0.0.1:{server.server_port}/", f"sh -c 'echo $SIMSIAM_EVENT >> {note}'")

    def look() -> None:
        runs = {run.id: run for run in store.runs()}
        notifier(runs, {run_id: run.status() for run_id, run in runs.items()})

    look()
    begin(three[0])
    stds = [0.9, *[0.05] * (PATIENCE_STEPS + 1)]
    lines = [{"step": step, "representation/std": std} for step, std in enumerate(stds, start=1)]
    three[0].metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    look()
    look()
    end(three[0], "failed", error="The loss became nan.")
    look()
    look()
    assert [event.kind for event in notifier.events] == ["collapsed", "failed"]
    assert "became nan" in notifier.events[-1].text
    deadline = time.monotonic() + 20
    while len(heard) < 2 or not note.exists() or len(note.read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert {event["kind"] for event in heard} == {"collapsed", "failed"}
    server.shutdown()


def test_a_run_that_begins_and_fails_between_two_looks_is_told(store: RunStore, three: list) -> None:
    notifier, runs = Notifier(), {run.id: run for run in store.runs()}

    def look() -> None:
        notifier(runs, {run_id: run.status() for run_id, run in runs.items()})

    end(three[0], "paused")
    end(three[1], "paused")
    look()
    end(three[0], "failed", error="The disk is full.")
    end(three[1], "stopped")  # by somebody, who knows
    end(three[2], "stopped")
    look()
    assert [(event.run, event.kind) for event in notifier.events] == [(three[0].id, "failed")]


def test_a_recorded_collapse_is_told_once_and_no_sooner(store: RunStore) -> None:
    run, notifier = store.create(tiny()), Notifier()
    for collapse in (
        None,
        Collapse(since=4, step=23, std=0.1),
        Collapse(since=4, step=24, std=0.08),
        Collapse(step=25, std=0.9),
        Collapse(since=26, step=60, std=0.07),
    ):
        notifier({run.id: run}, {run.id: Status(state="running", collapse=collapse)})
    assert [(event.kind, event.text) for event in notifier.events] == [
        ("collapsed", "looks collapsed: its representation std fell to 0.08.")
    ]
