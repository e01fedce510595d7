"""The acceptance test's parts on a real GPU, each as a person would run it; skipped where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import visible_gpus

from simsiam_core.bench.accept import PARTS

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 8
COUNT = "import torch; print(torch.cuda.device_count())"


@pytest.fixture(scope="session")
def gpus() -> int:
    answer = subprocess.run(
        [sys.executable, "-c", COUNT], env=visible_gpus.environment(), capture_output=True, text=True
    )
    return int(answer.stdout or 0)


@pytest.mark.timeout(60 * MINUTES + 120)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_passes(part: str, gpus: int) -> None:
    if not gpus:
        pytest.skip("no GPU")
    command = [
        sys.executable, "-m", "simsiam_core", "accept", "--only", part, "--json", "--minutes", str(MINUTES),
    ]  # fmt: skip
    answer = subprocess.run(command, cwd=ROOT, env=visible_gpus.environment(), capture_output=True, text=True)
    rows = json.loads(answer.stdout)["rows"]
    assert not [row for row in rows if row["passed"] is False], answer.stderr[-4000:]
    assert answer.returncode == 0
