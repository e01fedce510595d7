"""The page over a folder of very many runs: how long the list, a filter and a tick take."""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from simsiam_core.bench.client import PageClient
from simsiam_core.bench.page import dashboard
from simsiam_core.bench.server import append_step, pretend_to_train
from simsiam_core.config import dump_yaml, merge, parse, preset
from simsiam_core.metrics.representation_std import REPRESENTATION_STD
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import RunDirectory, RunStore, Status
from simsiam_core.runs.status import State

RUNS, WAITING, ROUNDS = 10_000, 500, 30
LINES = 20  # of each run's metrics
LIMIT_MS = 200.0
FILTERS = ("knn>40", "state:stopped", "batch>=128 knn<60", "seed:7", "run-99")
READ_LIMIT = 600.0  # seconds for the settings of all runs to be read


def measure(runs: int = RUNS, waiting: int = WAITING, rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure requests of one page while a run trains: what comes each second, filters, and ticks of two runs."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        growing = _many(store, runs, waiting)
        with dashboard(store.path, 600.0, options=("--no-bundled", "--read-only")) as page:
            client = PageClient(page.address)
            first = _seconds(client)
            began = time.perf_counter()
            while _unread(client) and time.perf_counter() - began < READ_LIMIT:
                time.sleep(0.5)
            read = time.perf_counter() - began
            listed, filtered, ticked = list[float](), list[float](), list[float]()
            ids = [run.id for run in store.runs()[: 2 * rounds]]
            for number in range(rounds):
                append_step(growing, LINES + number + 1)
                time.sleep(1.0)  # pages share a look at the folder for nearly a second
                listed.append(_seconds(client))
                time.sleep(1.0)
                filtered.append(_seconds(client, list={"filter": FILTERS[number % len(FILTERS)]}))
                time.sleep(1.0)
                ticked.append(_seconds(client, chosen=[growing.id, ids[number], ids[-number - 1]]))
    times = {"list": listed, "filter": filtered, "tick of two runs": ticked}
    figures = {f"{name}, {what} ms": v for name, found in times.items() for what, v in _spread(found).items()}
    slowest = max(value for name, value in figures.items() if "p95" in name)
    return {
        "runs": runs,
        "of them waiting": waiting,
        "first view, s": first,
        "settings of all read after, s": read,
        **figures,
        f"all within {LIMIT_MS:.0f} ms": slowest <= LIMIT_MS,
    }


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    return {"median": 1000 * median(seconds), "p95": 1000 * sorted(seconds)[int(0.95 * len(seconds))]}


def _seconds(client: PageClient, **asked: Any) -> float:
    """Return the seconds from request to full response."""
    started = time.perf_counter()
    client.news(**asked)
    return time.perf_counter() - started


def _unread(client: PageClient) -> bool:
    """Return whether the settings of some runs are still being read, as the list says."""
    return "still being read" in client.part("monitor-runs")["note"]


def _many(store: RunStore, runs: int, waiting: int) -> RunDirectory:
    """Write runs as training leaves them, the newest ones waiting; returns one that appears to be trained."""
    dice, made = random.Random(0), time.time() - 60.0 * runs
    ended: tuple[State, State] = ("finished", "stopped")
    for number in range(runs):
        at = made + 60.0 * number
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(at))
        run = RunDirectory(store.path / f"{stamp}-run-{number}-{dice.randrange(16**4):04x}")
        run.checkpoints_dir.mkdir(parents=True)
        batch_size, seed = dice.choice((32, 64, 128, 256)), dice.randrange(20)
        training = {"batch_size": batch_size, "seed": seed}
        config = parse(merge(preset("quick").values, {"name": f"run {number}", "training": training}))
        (run.path / "config.yaml").write_text(dump_yaml(config), encoding="utf-8")
        state: State = "queued" if number >= runs - waiting else dice.choice(ended)
        status = Status(state=state, created=at, step=LINES, total_steps=LINES, heartbeat=at)
        (run.path / "status.json").write_text(status.model_dump_json(), encoding="utf-8")
        if state != "queued":
            run.metrics_path.write_text(_record(dice, at), encoding="utf-8")
    growing = store.runs()[waiting]
    pretend_to_train(growing, LINES)
    return growing


def _record(dice: random.Random, at: float) -> str:
    lines = [
        {"step": step, "epoch": 0, "time": at + step, TRAIN_LOSS: -dice.random(), REPRESENTATION_STD: 0.9}
        for step in range(1, LINES + 1)
    ]
    lines[-1][KNN_ACCURACY] = dice.random()
    return "".join(json.dumps(line) + "\n" for line in lines)
