"""Calibration on a GPU in a subprocess: when it exits, all GPU memory that it used is free again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict

import torch

from simsiam_core.config import Config, parse
from simsiam_core.training.device import Precision
from simsiam_core.training.pace import DoesNotFitError, Pace, fitting_pace, gpu_is_taken

MAIN = "from simsiam_core.training.trial import main; main()"
SECONDS = 180.0  # timeout of a trial, which includes waking a sleeping driver


def measure(config: Config, images: int, precision: Precision, gpu: str, device: str = "cuda") -> Pace | None:
    """Measure the pace on one GPU, by its id for CUDA_VISIBLE_DEVICES; return None if other processes use it.

    Raises DoesNotFitError, or RuntimeError if the trial fails.
    """
    words = [config.model_dump_json(), str(images), precision, device]
    path = os.pathsep.join(folder for folder in sys.path if folder)
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *words],
        stdin=subprocess.PIPE,  # held open, never written to: end of file says that this process has ended
        stdout=subprocess.PIPE,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": gpu, "PYTHONPATH": path},
    )
    with process:
        limit = threading.Timer(SECONDS, process.kill)
        limit.start()
        assert process.stdout is not None
        answer = process.stdout.read()
        limit.cancel()
    try:
        found = json.loads(answer.splitlines()[-1])
    except (ValueError, IndexError):
        raise RuntimeError(f"The trial ended with exit code {process.returncode} and no answer.") from None
    if "fits" in found:
        raise DoesNotFitError(found["fits"])
    return Pace(**found) if found else None


def main() -> None:
    """Run in the trial's process: print the pace, the batch that fits, or an empty object, as JSON."""
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    config, images, precision, device = sys.argv[1:]
    place = torch.device(device)
    try:
        if place.type == "cuda" and gpu_is_taken(place):
            found = {}
        else:
            found = asdict(fitting_pace(parse(json.loads(config)), int(images), place, precision))  # type: ignore[arg-type]
    except DoesNotFitError as problem:
        found = {"fits": problem.fits}
    print(json.dumps(found), flush=True)


def _exit_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
