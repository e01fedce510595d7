"""The pace is that of a run which has the machine alone, or it says that it is not."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest
import torch
from tiny import tiny

from simsiam_core.config import Config
from simsiam_core.training import calibration, pace
from simsiam_core.training.calibration import calibrate
from simsiam_core.training.pace import Pace

BUSY = "print(flush=True)\nwhile True: pass"


def test_other_processes_at_work_are_noticed() -> None:
    """As many as there are cores, so that whatever this process does, they have their share."""
    busy = [
        subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE)
        for _ in range(psutil.cpu_count() or 1)
    ]
    try:
        for process in busy:
            assert process.stdout is not None
            process.stdout.readline()  # it is at it
        assert not pace._pace(tiny(), 8, torch.device("cpu"), "32-true").alone
    finally:
        for process in busy:
            process.kill()
            process.communicate()


@pytest.mark.parametrize(("alone", "times"), [(True, 1), (False, 2)])
def test_a_busy_machine_is_measured_again(alone: bool, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    def found(config: Config, *_: object) -> Pace:
        measured.append(config)
        return Pace(0.01, None, alone)

    now = [1000.0]
    monkeypatch.setattr(pace, "_pace", found)
    monkeypatch.setattr(calibration, "_paces", {})
    monkeypatch.setattr(calibration.time, "monotonic", lambda: now[0])
    first = calibrate(tiny(), 8, "cpu", "32-true")
    now[0] += calibration.KEPT_SECONDS / 2
    assert calibrate(tiny(), 8, "cpu", "32-true") is first
    now[0] += calibration.KEPT_SECONDS
    calibrate(tiny(), 8, "cpu", "32-true")
    assert len(measured) == times
