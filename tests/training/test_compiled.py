"""Compiled training is eager training, whatever the method: the compiler itself runs, on the CPU."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from fitting import trained
from tiny import TINY, tiny
from torch._dynamo.testing import CompileCounterWithBackend

from simsiam_core.config import Config, merge, parse, preset, presets
from simsiam_core.data import load
from simsiam_core.features.encode import encode
from simsiam_core.training import compilation
from simsiam_core.training.module import SimSiamModule

STEPS = 5  # into the second epoch: past a kNN check
TOLERANCE = 1e-5  # of a loss
METHODS = {
    "SimSiam": {},
    "FastSiam": {"objective": {"views": 4}},
    "E-SimSiam": {"objective": {"rotation_weight": 0.4, "rotation_crop": 8}},
    "without stop-gradient": {"model": {"stop_gradient": False}},
    "without predictor": {"model": {"predictor": False}},
    "deep projector": {"model": {"projector_layers": 3, "projector_affine": False}},
    "three views that are turned": {"objective": {"views": 3, "rotation_weight": 1, "rotation_crop": 16}},
}


def shrunk(name: str) -> dict:
    """A preset's method at the size of the tiny config."""
    values = preset(name).values
    kept = {section: values.get(section, {}) for section in ("augmentation", "objective", "model", "optimiser")}
    turned = kept["objective"].get("rotation_weight")
    small = {"objective": {"rotation_crop": 8}} if turned else {}
    return merge(kept, {key: value for key, value in TINY.items() if key != "optimiser"}, small)
