"""Several runs, one after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from simsiam_core.config import Config
from simsiam_core.jobs.process import launch
from simsiam_core.runs import RunDirectory, RunError, RunStore


def launch_group(store: RunStore, configs: Sequence[Config]) -> list[RunDirectory]:
    """Make a run of each config and train them in that order; those still queued can be stopped like any."""
    runs = [store.create(config) for config in configs]

    def train_all() -> None:
        for run in runs:
            if run.status().state == "queued":
                with suppress(RunError):  # its own status says what went wrong
                    launch(run)
            while run.status().active:
                time.sleep(0.5)

    threading.Thread(target=train_all, name="group", daemon=True).start()
    return runs
