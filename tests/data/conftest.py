"""What tests of the data share."""

from __future__ import annotations

import pytest

from simsiam_core.data import augmentation
from simsiam_core.data.augmentation import cpu_kernel


@pytest.fixture(params=["the kernel", "batched operations"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to make views on a CPU."""
    if request.param != "the kernel":
        monkeypatch.setattr(augmentation, "cpu_kernel", lambda: None)
    elif cpu_kernel() is None:
        pytest.skip("needs numba")
    return request.param
