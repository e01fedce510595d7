"""Runs written by an earlier version, unpacked as they were, file times included: caches go by these."""

from __future__ import annotations

import os
import tarfile
from decimal import Decimal
from pathlib import Path

from simsiam_core.runs import RunDirectory, RunStore

ARCHIVE = Path(__file__).with_name("fixtures") / "previous-0.1.0.tar.xz"


def unpack_previous(folder: Path) -> RunStore:
    """Unpack the fixture into `folder`: `runs/`, and `pics/` beside it; returns the folder of runs."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
        for member in archive.getmembers():
            # tarfile reads times as floats, which hold no nanoseconds.
            nanoseconds = int(Decimal(member.pax_headers.get("mtime", str(member.mtime))) * 10**9)
            os.utime(folder / member.name, ns=(nanoseconds, nanoseconds))
    return RunStore(folder / "runs")


def run_named(store: RunStore, name: str) -> RunDirectory:
    """The run of the fixture with that name, such as `finished` or `folder-paused`."""
    (run,) = [run for run in store.runs() if run.id[16:-5] == name]
    return run
