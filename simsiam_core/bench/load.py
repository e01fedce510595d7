"""What do many people at once cost the server and the training?"""

from __future__ import annotations

import io
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from simsiam_core.bench.client import CallError, PageClient
from simsiam_core.bench.page import DASHBOARD
from simsiam_core.config import merge, parse, preset
from simsiam_core.jobs import stop
from simsiam_core.runs import RunDirectory, RunStore

WATCHERS, UPLOADERS = 30, 10
TICK_SECONDS = 1.0
UPLOAD_SECONDS = 2.0


def measure(seconds: float = 120.0, watchers: int = WATCHERS, uploaders: int = UPLOADERS) -> dict[str, Any]:
    """A `quick` run while `watchers` pages poll Monitor every second and `uploaders` upload pictures."""
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder) / "runs")
        config = merge(preset("quick").values, {"training": {"epochs": 2000}, "knn": {"knn_every": 2000}})
        run = store.create(parse(config))
        command = [
            sys.executable,
            str(DASHBOARD),
            "--no-browser",
            "--port",
            "7940",
            "--runs-dir",
            str(store.path),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            address = next(m[0] for line in process.stdout if (m := re.search(r"http://\S+", line)))
            while run.status().step < 20:
                time.sleep(0.2)
            return _under_load(
                address.rstrip(";"), run, psutil.Process(process.pid), seconds, watchers, uploaders
            )
        finally:
            stop(run)
            process.terminate()
            process.wait(20)


def _under_load(
    address: str, run: RunDirectory, server: psutil.Process, seconds: float, watchers: int, uploaders: int
) -> dict[str, Any]:
    quiet = _pace(run, min(30.0, seconds))
    load = Load(address, run, seconds)
    threads = [threading.Thread(target=load.watch) for _ in range(watchers)]
    threads += [threading.Thread(target=load.upload) for _ in range(uploaders)]
    used = _cpu(server)
    started = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(seconds / 6)  # until every page is open
    early = server.memory_info().rss
    step, moment = run.status().step, time.monotonic()
    for thread in threads:
        thread.join()
    wall = time.monotonic() - started
    busy = (run.status().step - step) / (time.monotonic() - moment)
    cores = (_cpu(server) - used) / wall
    left = max(0.01, 1 - cores / (os.cpu_count() or 1))
    ticks = sorted(load.ticks)
    return {
        "ticks": len(ticks),
        "tick, median ms": 1000 * ticks[len(ticks) // 2],
        "tick, p95 ms": 1000 * ticks[int(0.95 * len(ticks))],
        "uploads answered": load.answers,
        "errors": len(load.errors),
        "first error": load.errors[0] if load.errors else "none",
        "memory grown, MiB": (server.memory_info().rss - early) / 2**20,
        "cores used by the load": cores,
        "training, steps a second alone": quiet,
        "training, steps a second under load": busy,
        "training slowed beyond that, %": 100 * (1 - busy / (quiet * left)),
    }


class Load:
    """The pages, each in a thread of its own."""

    def __init__(self, address: str, run: RunDirectory, seconds: float) -> None:
        self._address, self._run = address, run
        self._end = time.monotonic() + seconds
        self.ticks: list[float] = []
        self.errors: list[str] = []
        self.answers = 0

    def watch(self) -> None:
        """A page on Monitor."""
        page = self._open()
        function = max(
            (f for timer in page.timers() for f in page.functions(timer, "tick")),
            key=lambda f: len(f["outputs"]),
        )
        time.sleep(random.random())
        while time.monotonic() < self._end:
            started = time.monotonic()
            self._try(lambda: page.call(function["id"], [None, "step", None]))
            taken = time.monotonic() - started
            self.ticks.append(taken)
            time.sleep(max(0.0, TICK_SECONDS - taken))
        page.close()

    def upload(self) -> None:
        """A page on Neighbours, with a new picture every two seconds."""
        page = self._open()
        box = page.component("neighbours-upload")
        (register,) = page.functions(box, "upload")
        ask = next(d for d in page.config["dependencies"] if d["trigger_after"] == register["id"])
        while time.monotonic() < self._end:
            self._try(lambda: self._ask(page, register["id"], ask["id"], box))
            time.sleep(UPLOAD_SECONDS)
        page.close()

    def _ask(self, page: PageClient, register: int, ask: int, box: int) -> None:
        file = page.upload("noise.png", _noise())
        page.call(register, [file], trigger=box)
        page.call(ask, [None, self._run.id, "epoch=0000", "test", 20, 0.1], trigger=box)
        self.answers += 1

    def _open(self) -> PageClient:
        return PageClient(self._address)

    def _try(self, act: Any) -> None:
        try:
            act()
        except (CallError, OSError, ValueError) as error:
            self.errors.append(f"{type(error).__name__}: {error}")
        except Exception as error:  # httpx has many
            self.errors.append(f"{type(error).__name__}: {error}")


def _noise() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng().integers(0, 256, (64, 64, 3), np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def _pace(run: RunDirectory, seconds: float) -> float:
    step, started = run.status().step, time.monotonic()
    time.sleep(seconds)
    return (run.status().step - step) / (time.monotonic() - started)


def _cpu(server: psutil.Process) -> float:
    """Seconds of CPU that the server, its worker and these clients have used; the training is not theirs."""
    family = [server, *(c for c in server.children() if "train" not in " ".join(c.cmdline()))]
    return sum(sum(p.cpu_times()[:2]) for p in [*family, psutil.Process()])
