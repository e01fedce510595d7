"""The GPUs that the test run was given, before `conftest.py` hides them from the tests and all that they start.

Only `tests/gpu/` uses them, in processes of its own.
"""

from __future__ import annotations

import os

VARIABLE = "CUDA_VISIBLE_DEVICES"
_GIVEN = os.environ.get(VARIABLE)  # before anything is hidden: by a scheduler, by a person, or not at all


def environment() -> dict[str, str]:
    """For a process that shall see the GPUs that this test run was given."""
    kept = {name: value for name, value in os.environ.items() if name != VARIABLE}
    return kept if _GIVEN is None else {**kept, VARIABLE: _GIVEN}
