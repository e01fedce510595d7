"""Whether this process is one of several that torchrun, or srun in a SLURM job, has started for one run.

They read the same variables as Lightning's cluster environments, before anything heavy is imported.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
from dataclasses import dataclass

PR_SET_PDEATHSIG = 1  # of prctl(2)
# Index, count and count on this machine, as torchrun and srun name them.
_NAMES = (
    ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE"),
)


@dataclass(frozen=True)
class Rank:
    """Place of a process among those of its run."""

    index: int = 0
    count: int = 1
    local_count: int = 1  # of them on this machine


def rank() -> Rank:
    """Return the place of this process; that of the only one if nothing has started several."""
    for names in _NAMES:
        # SLURM writes "2(x3)" for three machines with two each.
        numbers = [int(found[0]) for name in names if (found := re.match(r"\d+", os.environ.get(name, "")))]
        if len(numbers) == len(names) and numbers[1] > 1:
            return Rank(*numbers)
    return Rank()


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends: torchrun's processes outlive a killed torchrun."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
