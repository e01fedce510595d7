"""Startup time of the dashboard, and its resource use while idle."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

SERVER = "simsiam_core.ui.server"  # a name only, so that this module does not import the page


@dataclass(frozen=True)
class Dashboard:
    """A running dashboard, and the seconds until its first response."""

    address: str
    pid: int
    seconds: float


@contextmanager
def dashboard(
    runs_dir: Path,
    limit: float = 60.0,
    checkout: Path | None = None,
    options: Sequence[str] = ("--no-bundled",),
) -> Iterator[Dashboard]:
    """Start the dashboard over a folder of runs, from another checkout if given; stops it after the block."""
    program = ["-m", SERVER] if checkout is None else [str(checkout / "dashboard.py")]
    command = [
        sys.executable,
        *program,
        "--no-browser",
        "--runs-dir",
        str(runs_dir),
        *options,
    ]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        address = next((m[0] for line in process.stdout if (m := re.search(r"http://\S+", line))), None)
        while address is None or not _answers(address):
            if process.poll() is not None or time.perf_counter() - started > limit:
                raise RuntimeError("The dashboard did not start; start it by hand to see why.")
            time.sleep(0.05)
        yield Dashboard(address.rstrip("/"), process.pid, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait(10)


def measure() -> dict[str, Any]:
    """Measure the seconds to the dashboard's first response, imports included, and its idle use."""
    with tempfile.TemporaryDirectory() as folder, dashboard(Path(folder)) as started:
        server = psutil.Process(started.pid)
        return {
            "page reachable after, s": started.seconds,
            "server memory, MiB": server.memory_info().rss / 2**20,
            # umap itself is pure Python, but its dependency llvmlite is not
            "umap loaded": any("llvmlite" in m.path for m in server.memory_maps()),
        }


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
