"""Runner of the parts, in sequence and each within its time budget. Imports no torch; only the parts do."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from simsiam_core.bench.accept import PARTS

GRACE_SECONDS = 30.0  # beyond its time budget, for a part to finish what it has started
LOG_LINES = 20
CHILD = "from simsiam_core.bench.accept.child import main; main()"
Told = dict[str, Any]  # a row as JSON, with the name of its part


def accept(
    names: Sequence[str], minutes: float, data: Path | None, report: Callable[[str], object]
) -> list[Told]:
    """Run the named parts in the order of `PARTS`; `report` is called with progress lines."""
    chosen = [name for name in PARTS if name in names]
    ends, rows = time.monotonic() + 60 * minutes, list[Told]()
    with tempfile.TemporaryDirectory(prefix="simsiam-accept-") as scratch:
        for index, name in enumerate(chosen):
            weights = sum(PARTS[other].weight for other in chosen[index:])
            seconds = max(1.0, (ends - time.monotonic()) * PARTS[name].weight / weights)
            report(f"{name}: {PARTS[name].shows} (up to {seconds:.0f} s)")
            began = time.monotonic()
            found = _run(name, seconds, data, Path(scratch), report)
            report(f"{name}: {time.monotonic() - began:.0f} s")
            rows += [{"part": name, **row} for row in found]
    return rows


def _run(
    name: str, seconds: float, data: Path | None, scratch: Path, report: Callable[[str], object]
) -> list[Told]:
    """Run one part in its own process, killed with its descendants when its time is up."""
    folder, said, log = scratch / name, scratch / f"{name}.jsonl", scratch / f"{name}.log"
    folder.mkdir()
    said.touch()
    words = [name, str(seconds), str(folder), str(said), str(data.resolve()) if data else ""]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONUNBUFFERED": "1",
        "SIMSIAM_CACHE": str(scratch / "cache"),  # not the user's cache
    }
    with log.open("wb") as file:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *words],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            code: int | None = child.wait(seconds + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(child)
    rows = list(_rows(said))
    if code is None:
        rows.append(_failed("the part", f"not done after {seconds + GRACE_SECONDS:.0f} s"))
    elif code:
        rows.append(_failed("the part", f"its process ended with exit code {code}"))
    if any(row["passed"] is False for row in rows):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]:
            report(f"  {line}")
    return rows


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill a process and its descendants if it still runs."""
    if child.poll() is not None:
        return
    part = psutil.Process(child.pid)
    for process in (*part.children(recursive=True), part):
        with contextlib.suppress(psutil.Error):  # it has ended
            process.kill()
    child.wait()


def _rows(path: Path) -> Iterator[Told]:
    """Yield the rows written by a part; a truncated last line is ignored."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def _failed(name: str, figure: str) -> Told:
    return {"name": name, "passed": False, "figure": figure, "limit": "", "note": ""}
