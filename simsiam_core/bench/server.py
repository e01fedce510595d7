"""What do many long runs and many open pages cost the server?

Pages are played by sessions that ask as a browser does: the clock's event into gradio's queue, the answer
out of its stream. So what is timed and counted is all that a page would wait for and receive.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from simsiam_core.bench.page import dashboard
from simsiam_core.config import parse
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.status import process_identity


def measure(runs: int = 20, lines: int = 200_000, pages: int = 10, ticks: int = 30) -> dict[str, Any]:
    """Time, payload and CPU of the Monitor tab's ticks, one a second and page, while one run grows."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        growing = [_grown_run(store, lines) for _ in range(runs)][-1]
        with dashboard(Path(folder)) as page:
            sessions = [_Session(page.address, f"page{i}") for i in range(pages)]
            first = max(session.tick()[0] for session in sessions)
            server, times, sizes = psutil.Process(page.pid), list[float](), list[int]()
            for session in sessions:
                session.tick()
            spent, began = sum(server.cpu_times()[:2]), time.monotonic()
            for tick in range(ticks):
                _append(growing, lines + tick + 1)
                answers: list[tuple[float, int]] = []
                threads = [
                    threading.Thread(target=lambda s=session, into=answers: into.append(s.tick()))
                    for session in sessions
                ]
                for index, thread in enumerate(threads):  # clocks of pages are not in step
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
        "server, % of one core": 100 * spent / ticks,  # a tick a second, however late the answers came
        "server, MB": resident / 1e6,
    }


def _grown_run(store: RunStore, lines: int) -> RunDirectory:
    """A run that this process seems to train, with a long record."""
    run = store.create(parse({"name": "long"}))
    pid, started = process_identity(os.getpid())
    run.update_status(
        state="running",
        pid=pid,
        pid_started=started,
        host=os.uname().nodename,
        started=time.time(),
        step=lines,
        total_steps=2 * lines,
    )
    with run.metrics_path.open("w", encoding="utf-8") as file:
        file.writelines(_line(step, time.time() - 0.1 * (lines - step)) for step in range(1, lines + 1))
    return run


def _append(run: RunDirectory, step: int) -> None:
    with run.metrics_path.open("a", encoding="utf-8") as file:
        file.write(_line(step, time.time()))
    run.update_status(step=step)


def _line(step: int, at: float) -> str:
    metrics = {
        "step": step,
        "epoch": step // 100,
        "time": round(at, 3),
        "train/lr": 0.06 * (1 - step / 1e6),
        "train/lr_predictor": 0.06,
        "train/loss": -0.9 + 0.1 * ((step * 7919) % 1000) / 1000,
        "representation/std": 0.9 + 0.05 * ((step * 104729) % 1000) / 1000,
    }
    if step % 50 == 0:
        metrics |= {"representation/effective_rank": 40 + step % 7, "train/images_per_second": 5000.0}
    if step % 500 == 0:
        metrics["val/knn_accuracy"] = 0.5 + step / 1e6
    return json.dumps(metrics, separators=(",", ":")) + "\n"


class _Session:
    """One open page, with the Monitor tab in front."""

    def __init__(self, address: str, session: str) -> None:
        self._api, self._session = f"{address}/gradio_api", session
        with urllib.request.urlopen(f"{address}/config") as answer:
            config = json.load(answer)
        timers = {c["id"] for c in config["components"] if c["type"] == "timer"}
        self._clock = next(
            d
            for d in config["dependencies"]
            if any(target[0] in timers and target[1] == "tick" for target in d["targets"])
            and len(d["outputs"]) > 3
        )

    def tick(self) -> tuple[float, int]:
        """Seconds from asking to the whole answer, and the bytes of the answer."""
        started = time.perf_counter()
        data = ["step" if i == 1 else None for i in range(len(self._clock["inputs"]))]
        request = {"data": data, "fn_index": self._clock["id"], "session_hash": self._session}
        post = urllib.request.Request(
            f"{self._api}/queue/join", json.dumps(request).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(post) as answer:
            answer.read()
        size = 0
        with urllib.request.urlopen(f"{self._api}/queue/data?session_hash={self._session}") as stream:
            for line in stream:
                size += len(line)
                if b"process_completed" in line:
                    return time.perf_counter() - started, size
        raise RuntimeError("The server ended the stream without an answer.")
