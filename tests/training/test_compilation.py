from __future__ import annotations

import pytest
import torch

from simsiam_core.config import TrainingConfig
from simsiam_core.training import compilation
from simsiam_core.training.compilation import WORTH_STEPS, decide

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("choice", "device", "steps", "triton", "compiles"),
    [
        ("auto", CPU, 10**6, True, False),
        ("auto", GPU, 10**6, True, True),
        ("auto", GPU, 10**6, False, False),
        ("auto", GPU, WORTH_STEPS - 1, True, False),
        ("always", CPU, 1, False, True),
        ("never", GPU, 10**6, True, False),
    ],
)
def test_what_is_compiled_and_why(
    monkeypatch: pytest.MonkeyPatch,
    choice: str,
    device: torch.device,
    steps: int,
    triton: bool,
    compiles: bool,
) -> None:
    monkeypatch.setattr(compilation, "toolchain_problem", lambda: "" if triton else "it does not work here")
    decided, why = decide(TrainingConfig(compile=choice), device, steps)
    assert decided is compiles
    assert why.endswith(".")
