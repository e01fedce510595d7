"""How soon is the page there, and what does the server cost while it idles?"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard.py"


def measure(limit: float = 60.0) -> dict[str, Any]:
    """Seconds from `python dashboard.py` to the first answered request, imports included."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(DASHBOARD), "--no-browser", "--runs-dir", folder]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            address = next((m[0] for line in process.stdout if (m := re.search(r"http://\S+", line))), None)
            while address is None or not _answers(address):
                if process.poll() is not None or time.perf_counter() - started > limit:
                    raise RuntimeError("The dashboard did not start; run dashboard.py to see why.")
                time.sleep(0.05)
            seconds = time.perf_counter() - started
            server = psutil.Process(process.pid)
            memory = server.memory_info().rss / 2**20
            # umap itself is plain Python; what it rests on is not
            umap = any("llvmlite" in m.path for m in server.memory_maps())
        finally:
            process.terminate()
            process.wait(10)
    return {"page reachable after, s": seconds, "server memory, MiB": memory, "umap loaded": umap}


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
