"""Server load of many long runs and many open pages.

Pages are simulated by sessions that poll as the page's scripts do: once a second for updates and every three
seconds for toasts and the title. The times and sizes are therefore those of a real page.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from simsiam_core.bench.client import PageClient
from simsiam_core.bench.page import dashboard
from simsiam_core.config import parse
from simsiam_core.metrics.representation_effective_rank import EFFECTIVE_RANK
from simsiam_core.metrics.representation_std import REPRESENTATION_STD
from simsiam_core.metrics.train_images_per_second import IMAGES_PER_SECOND
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.metrics.train_lr import LEARNING_RATE
from simsiam_core.metrics.train_lr_predictor import PREDICTOR_LEARNING_RATE
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.processes import process_identity


def measure(runs: int = 20, lines: int = 200_000, pages: int = 10, ticks: int = 30) -> dict[str, Any]:
    """Measure time, payload and CPU of the ticks of Runs, one per second and page, while one run grows."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        growing = [_grown_run(store, lines) for _ in range(runs)][-1]
        with dashboard(Path(folder)) as page:
            clients = [PageClient(page.address) for _ in range(pages)]
            first = max(_news(client)[0] for client in clients)
            server, times, sizes = psutil.Process(page.pid), list[float](), list[int]()
            settle(server)
            for client in clients:
                _news(client)
                client.notices()
            spent, began = sum(server.cpu_times()[:2]), time.monotonic()
            for tick in range(ticks):
                append_step(growing, lines + tick + 1)
                answers: list[tuple[float, int]] = []
                threads = [threading.Thread(target=_play, args=(client, tick, answers)) for client in clients]
                for index, thread in enumerate(threads):  # pages are not synchronised
                    time.sleep(max(0.0, began + tick + index / pages - time.monotonic()))
                    thread.start()
                for thread in threads:
                    thread.join()
                times += [seconds for seconds, _ in answers]
                sizes += [size for _, size in answers]
            spent = sum(server.cpu_times()[:2]) - spent
            resident = server.memory_info().rss
    return {
        "runs": runs,
        "metric lines a run": lines,
        "open pages": pages,
        "first view of them all, s": first,
        "tick, median ms": 1000 * median(times),
        "tick, p95 ms": 1000 * sorted(times)[int(0.95 * len(times))],
        "payload of a tick, median kB": median(sizes) / 1000,
        "payload of a tick, p95 kB": sorted(sizes)[int(0.95 * len(sizes))] / 1000,
        "server's CPU time a tick, ms": 1000 * spent / len(times),
        "server, % of one core": 100 * spent / ticks,  # one tick per second, even if responses were late
        "server, MB": resident / 1e6,
    }


def _play(client: PageClient, tick: int, answers: list[tuple[float, int]]) -> None:
    """Send the requests of an open page in one second."""
    answers.append(_news(client))
    if tick % 3 == 0:
        client.notices()


def _news(client: PageClient) -> tuple[float, int]:
    """Return the seconds from request to full response, and its size in bytes."""
    started = time.perf_counter()
    size = client.news()
    return time.perf_counter() - started, size


def settle(server: psutil.Process) -> None:
    """Wait until the imports after startup are done, which are not caused by pages."""
    while server.cpu_percent(1.0) > 20:
        pass


def _grown_run(store: RunStore, lines: int) -> RunDirectory:
    """Return a run with a long metrics file that appears to be trained by this process."""
    run = store.create(parse({"name": "long"}))
    pretend_to_train(run, lines)
    return run


def pretend_to_train(run: RunDirectory, lines: int) -> None:
    """Write that many metric lines, and a status that names this process as the training one."""
    pid, started = process_identity(os.getpid())
    run.update_status(
        state="running",
        pid=pid,
        pid_started=started,
        boot="",
        folder="",
        host=os.uname().nodename,
        started=time.time(),
        step=lines,
        total_steps=2 * lines,
    )
    with run.metrics_path.open("w", encoding="utf-8") as file:
        file.writelines(_line(step, time.time() - 0.1 * (lines - step)) for step in range(1, lines + 1))


def append_step(run: RunDirectory, step: int) -> None:
    """Append the metrics of one step."""
    with run.metrics_path.open("a", encoding="utf-8") as file:
        file.write(_line(step, time.time()))
    run.update_status(step=step)


def _line(step: int, at: float) -> str:
    metrics = {
        "step": step,
        "epoch": step // 100,
        "time": round(at, 3),
        LEARNING_RATE: 0.06 * (1 - step / 1e6),
        PREDICTOR_LEARNING_RATE: 0.06,
        TRAIN_LOSS: -0.9 + 0.1 * ((step * 7919) % 1000) / 1000,
        REPRESENTATION_STD: 0.9 + 0.05 * ((step * 104729) % 1000) / 1000,
    }
    if step % 50 == 0:
        metrics |= {EFFECTIVE_RANK: 40 + step % 7, IMAGES_PER_SECOND: 5000.0}
    if step % 500 == 0:
        metrics[KNN_ACCURACY] = 0.5 + step / 1e6
    return json.dumps(metrics, separators=(",", ":")) + "\n"
