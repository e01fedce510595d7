"""The queue without any process: `launch` is replaced by a note of what it was asked to do."""

from __future__ import annotations

import http.server
import json
import os
import pickle
import threading
import time
import zipfile
from pathlib import Path

import pytest
from tiny import tiny

from simsiam_core.config import ConfigError
from simsiam_core.jobs import (
    InUseError,
    Notifier,
    Scheduler,
    enqueue,
    extend,
    fork,
    move,
    pause,
    read_queue,
    resume,
    scheduler,
    slots,
    stop,
)
from simsiam_core.jobs.gpus import Gpu
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.processes import process_identity


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Run id -> environment of what was started; such a run counts as running in this very process."""
    started: dict[str, dict[str, str]] = {}

    def launch(run: RunDirectory, variables: dict[str, str]) -> None:
        started[run.id] = variables
        begin(run)

    monkeypatch.setattr(scheduler, "launch", launch)
    return started


def begin(run: RunDirectory) -> None:
    pid, at = process_identity(os.getpid())
    run.update_status(state="running", pid=pid, pid_started=at, host=os.uname().nodename, started=time.time())


def end(run: RunDirectory, state: str = "finished", **changes: object) -> None:
    run.update_status(state=state, ended=time.time(), **changes)


@pytest.fixture
def three(store: RunStore) -> list[RunDirectory]:
    return enqueue(store, [tiny(name=name) for name in "abc"], group="letters")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "visible_gpus", lambda: (Gpu("GPU 0", "GPU-a"), Gpu("GPU 3", "GPU-d")))


def order(store: RunStore) -> list[str]:
    return [entry.run.config().name for entry in read_queue(store)]


def test_one_runs_and_the_others_say_why_they_wait(store: RunStore, three: list, launched: dict) -> None:
    assert [e.reason for e in read_queue(store)] == ["Waits for a dashboard or 'queue run' to start it."] * 3
    with Scheduler(store) as queue:
        queue.look()
        assert sorted(order(store)) == ["a", "b", "c"]
        assert [e.reason for e in read_queue(store)] == [
            "Runs on CPU 1.",
            "Waits for a CPU slot: 1 of 1 taken.",
            "Waits for a CPU slot: 1 of 1 taken, and 1 before it.",
        ]
        assert {e.run.notes().group for e in read_queue(store)} == {"letters"}
        end(read_queue(store)[0].run)
        queue.look()
        assert len(launched) == 2
        assert len(read_queue(store)) == 2
    assert [e.status.state for e in read_queue(store)] == ["running", "queued"], "read without a server"


def test_each_gpu_has_its_job_and_the_cpu_its_own(store: RunStore, launched: dict, gpus: None) -> None:
    wanted = [tiny(training={"device": device}) for device in ("auto", "gpu", "auto", "cpu")]
    runs = enqueue(store, wanted)
    with Scheduler(store) as queue:
        assert [slot.name for slot in queue.slots] == ["GPU 0", "GPU 3", "CPU 1"]
        queue.look()
    seen = sorted(variables["CUDA_VISIBLE_DEVICES"] for variables in launched.values())
    assert seen == ["", "GPU-a", "GPU-d"]
    (waiting,) = [entry for entry in read_queue(store) if entry.status.state == "queued"]
    assert waiting.reason.startswith("Waits for a GPU slot: 2 of 2 taken")
    assert waiting.run.id in {run.id for run in runs[:3]}


def test_several_slots_share_the_cores(store: RunStore, three: list, launched: dict) -> None:
    with Scheduler(store, cpu_slots=2) as queue:
        queue.look()
    assert len(launched) == 2
    assert all(int(v["OMP_NUM_THREADS"]) >= 1 for v in launched.values())


def test_a_job_of_two_gpus_takes_both_and_nobody_overtakes_it(
    store: RunStore, gpus: None, launched: dict
) -> None:
    gpu = {"device": "auto"}
    one, two, three = enqueue(
        store, [tiny(name="one", training=gpu), tiny(training={**gpu, "devices": 2}), tiny(training=gpu)]
    )
    with Scheduler(store) as queue:
        queue.look()
        assert list(launched) == [one.id]
        assert [e.reason for e in read_queue(store)][1] == "Waits for 2 GPU slots: 1 of 2 taken."
        end(one)
        queue.look()
        assert launched[two.id]["CUDA_VISIBLE_DEVICES"] == "GPU-a,GPU-d"
        assert [e.reason for e in read_queue(store)] == [
            "Runs on GPU 0, GPU 3.",
            "Waits for a GPU slot: 2 of 2 taken.",
        ]
    with Scheduler(store) as queue:  # adopted in both
        queue.look()
        assert three.id not in launched
        end(two)
        queue.look()
        assert launched[three.id]["CUDA_VISIBLE_DEVICES"] == "GPU-a"


def test_moves_change_the_order(store: RunStore, three: list, launched: dict) -> None:
    begin(three[0])
    with Scheduler(store) as queue:
        queue.look()
        first, second, third = order(store)
        ids = {run.config().name: run.id for run in three}
        queue.queue.move(ids[third], "first")
        assert order(store) == [third, first, second]
        queue.queue.move(ids[third], 1)
        assert order(store) == [first, third, second]
        queue.queue.move(ids[first], "last")
        assert order(store) == [third, second, first]
        for bad in ("sideways", "../x"):
            with pytest.raises(RunError, match="is no place"):
                queue.queue.move(ids[first], bad)
        with pytest.raises(RunError, match="not in the queue"):
            queue.queue.move("../../etc", "up")
    move(store, ids[first], "first")  # without a server: directly
    assert order(store)[0] == first


def test_a_terminal_moves_through_the_server(store: RunStore, three: list, launched: dict) -> None:
    with Scheduler(store) as queue:
        queue.start()
        deadline = time.monotonic() + 20
        while len(launched) < 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        last = read_queue(store)[-1].run
        move(store, last.id, "first")
        assert read_queue(store)[0].run.id == last.id


def test_a_paused_run_keeps_its_place_and_resumes_there(store: RunStore, three: list, launched: dict) -> None:
    with Scheduler(store) as queue:
        queue.look()
        first = read_queue(store)[0].run
        end(first, "paused", step=7)
        queue.look()
        assert [e.status.state for e in read_queue(store)] == ["paused", "running", "queued"]
        assert "Paused at step 7" in read_queue(store)[0].reason
        resume(first)
        end(read_queue(store)[1].run)
        queue.look()
        assert [e.status.state for e in read_queue(store)] == ["running", "queued"]
        assert read_queue(store)[0].run.id == first.id


def test_a_waiting_run_is_held_back_or_taken_out(store: RunStore, three: list, launched: dict) -> None:
    pause(three[1])
    stop(three[2])
    with Scheduler(store) as queue:
        queue.look()
    assert list(launched) == [three[0].id]
    assert three[1].status().state == "paused"
    assert three[2].status().state == "stopped"


def test_one_scheduler_a_folder(store: RunStore) -> None:
    with Scheduler(store), pytest.raises(InUseError, match="in use by another dashboard"):
        Scheduler(store)
    Scheduler(store).close()


def test_what_cannot_be_resumed_is_told(store: RunStore, three: list) -> None:
    with pytest.raises(RunError, match="queued already"):
        resume(three[0])
    end(three[0])
    with pytest.raises(RunError, match="train it longer"):
        resume(three[0])


def test_the_time_between_two_stretches_of_work_is_no_work(store: RunStore, three: list) -> None:
    run = three[0]
    run.update_status(state="paused", started=100.0, ended=130.0)
    resume(run)
    assert (run.status().spent, run.status().working_seconds) == (30, 30)
    run.update_status(state="running", started=1000.0)
    run.update_status(state="stopped", ended=1005.0)
    assert run.status().working_seconds == 35


def test_a_run_is_extended_under_a_stated_schedule(store: RunStore, three: list) -> None:
    run = three[0]
    end(run, step=12, total_steps=12, epoch=3)
    with pytest.raises(RunError, match="has 3 epochs"):
        extend(run, 3)
    extend(run, 6, "restart")
    again = store.get(run.id)
    assert (again.status().state, again.status().total_steps) == ("queued", 24)
    assert (again.config().training.epochs, again.config().optimiser.restart_epoch) == (6, 3)


def test_a_fork_takes_curve_and_checkpoint_along(store: RunStore, three: list) -> None:
    run = three[0]
    for name, epoch in (("epoch=0000", 0), ("epoch=0001", 1), ("epoch=0002", 2), ("last", 3)):
        with zipfile.ZipFile(run.checkpoints_dir / f"{name}.ckpt", "w") as archive:
            header = {"global_step": 4 * epoch, "simsiam": {"epochs_done": epoch}}
            archive.writestr("archive/data.pkl", pickle.dumps(header))
    (run.checkpoints_dir / "epoch=0003.ckpt").write_text("damaged")
    run.metrics_path.write_text("".join(f'{{"step":{s}}}\n' for s in range(1, 13)))
    end(run, step=12, total_steps=12, epoch=3)
    with pytest.raises(ConfigError, match="cannot change model"):
        fork(store, run, "epoch=0002", {"model": {"width": 16}})
    with pytest.raises(RunError, match="no checkpoint"):
        fork(store, run, "../last", {})
    with pytest.raises(RunError, match="cannot be read"):
        fork(store, run, "epoch=0003", {})
    copy = fork(store, run, "epoch=0002", {"optimiser": {"base_lr": 0.5}})
    assert (copy.status().state, copy.status().step) == ("queued", 8)
    assert [m["step"] for m in copy.metrics()] == list(range(1, 9))
    assert [c.name for c in copy.checkpoints()] == ["epoch=0000", "epoch=0001", "epoch=0002", "last"]
    assert copy.checkpoint("last").path.read_bytes() == run.checkpoint("epoch=0002").path.read_bytes()
    assert copy.notes().forked_from == f"{run.id} epoch=0002"
    assert copy.config().optimiser.base_lr == 0.5


def test_deleted_runs_come_back_from_the_trash(store: RunStore, three: list) -> None:
    run = three[0]
    begin(run)
    with pytest.raises(RunError, match="stop it first"):
        store.trash(run)
    end(run)
    store.trash(run)
    assert [r.id for r in store.trashed()] == [run.id]
    assert run.id not in [r.id for r in store.runs()]
    for bad in ("..", "../..", three[1].id):
        with pytest.raises(RunError, match="in the trash"):
            store.restore(bad)
    assert store.restore(run.id).config() == tiny(name="a")


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
    three[0].metrics_path.write_text(
        '{"step":1,"representation/std":0.9}\n{"step":2,"representation/std":0.05}\n'
    )
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
