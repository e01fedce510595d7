"""Load test: the cost of many simultaneous users for the server and for training."""

from __future__ import annotations

import io
import itertools
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from simsiam_core.bench.client import CallError, PageClient
from simsiam_core.bench.page import dashboard
from simsiam_core.config import merge, parse, preset
from simsiam_core.jobs import stop
from simsiam_core.runs import RunDirectory, RunStore

WATCHERS, UPLOADERS = 30, 10
TICK_SECONDS = 1.0
UPLOAD_SECONDS = 2.0
QUIET_SECONDS = 20.0  # before and after the load: training alone
SETTLING_SECONDS = 15.0


def measure(seconds: float = 120.0, watchers: int = WATCHERS, uploaders: int = UPLOADERS) -> dict[str, Any]:
    """Measure a `quick` run while `watchers` pages poll Runs each second and `uploaders` upload images."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder) / "runs")
        config = merge(preset("quick").values, {"training": {"epochs": 2000}, "knn": {"knn_every": 2000}})
        run = store.create(parse(config))
        with dashboard(store.path) as page:
            try:
                while run.status().step < 20:
                    time.sleep(0.2)
                return _under_load(page.address, run, psutil.Process(page.pid), seconds, watchers, uploaders)
            finally:
                stop(run)


def _under_load(
    address: str, run: RunDirectory, server: psutil.Process, seconds: float, watchers: int, uploaders: int
) -> dict[str, Any]:
    load = Load(address, run)
    load.ask_once()  # encodes the images before the measurement
    before = _pace(run, QUIET_SECONDS)
    early = 0
    threads = [threading.Thread(target=load.watch) for _ in range(watchers)]
    threads += [threading.Thread(target=load.upload) for _ in range(uploaders)]
    load.end = time.monotonic() + seconds + SETTLING_SECONDS
    for thread in threads:
        thread.start()
    time.sleep(SETTLING_SECONDS)  # until all pages are open
    load.ticks.clear()
    early, used = server.memory_info().rss, _cpu(server)
    step, moment = run.status().step, time.monotonic()
    for thread in threads:
        thread.join()
    wall = time.monotonic() - moment
    busy = (run.status().step - step) / wall
    cores = (_cpu(server) - used) / wall
    late = server.memory_info().rss
    alone = (before + _pace(run, QUIET_SECONDS)) / 2
    left = max(0.01, 1 - cores / (os.cpu_count() or 1))
    ticks = sorted(load.ticks)
    return {
        "ticks": len(ticks),
        "tick, median ms": 1000 * ticks[len(ticks) // 2],
        "tick, p95 ms": 1000 * ticks[int(0.95 * len(ticks))],
        "uploads answered": load.answers,
        "errors": len(load.errors),
        "first error": load.errors[0] if load.errors else "none",
        "memory grown, MiB": (late - early) / 2**20,
        "memory, MiB": late / 2**20,
        "cores used by the load": cores,
        "training, steps a second alone": alone,
        "training, steps a second under load": busy,
        "training slowed beyond that, %": 100 * (1 - busy / (alone * left)),
    }


class Load:
    """The simulated pages, one thread each."""

    def __init__(self, address: str, run: RunDirectory) -> None:
        self._address, self._run = address, run
        self.end = 0.0
        self.ticks: list[float] = []
        self.errors: list[str] = []
        self.answers = 0

    def watch(self) -> None:
        """Simulate a page on Runs: polls for updates each second, for toasts and title every third."""
        page = self._open()
        time.sleep(random.random())
        for number in itertools.count():
            started = time.monotonic()
            if started > self.end:
                break
            self._try(lambda: self._timed(page.news))
            if number % 3 == 0:
                self._try(lambda: self._timed(page.notices))
            time.sleep(max(0.0, started + TICK_SECONDS - time.monotonic()))
        page.close()

    def upload(self) -> None:
        """Simulate a page on Neighbours that uploads an image every two seconds."""
        page = self._open()
        time.sleep(random.random() * UPLOAD_SECONDS)
        while time.monotonic() < self.end:
            self._try(lambda: self._timed(page.notices))
            self._try(lambda: self._ask(page))
            time.sleep(UPLOAD_SECONDS)
        page.close()

    def ask_once(self) -> None:
        """Make a first query, which waits for the images to be encoded. Raises CallError."""
        page = self._open()
        self._ask(page)
        page.close()
        self.answers = 0

    def _timed(self, ask: Callable[[], object]) -> None:
        started = time.monotonic()
        ask()
        self.ticks.append(time.monotonic() - started)

    def _ask(self, page: PageClient) -> None:
        page.neighbours(self._run.id, "epoch=0000", noise_png())
        self.answers += 1

    def _open(self) -> PageClient:
        return PageClient(self._address)

    def _try(self, act: Any) -> None:
        try:
            act()
        except (CallError, OSError, ValueError) as error:
            self.errors.append(f"{type(error).__name__}: {error}")
        except Exception as error:  # httpx raises many types
            self.errors.append(f"{type(error).__name__}: {error}")


def noise_png() -> bytes:
    """Return a PNG file of random pixels."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng().integers(0, 256, (64, 64, 3), np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def _pace(run: RunDirectory, seconds: float) -> float:
    step, started = run.status().step, time.monotonic()
    time.sleep(seconds)
    return (run.status().step - step) / (time.monotonic() - started)


def _cpu(server: psutil.Process) -> float:
    """Return the CPU seconds of the server, its workers and these clients, without training."""
    family = [server, *(c for c in server.children() if "train" not in " ".join(c.cmdline()))]
    return sum(sum(p.cpu_times()[:2]) for p in [*family, psutil.Process()])
