"""What tests of several folders share: a tiny config, and runs made with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # the same figures with and without a GPU

from simsiam_core.config import Config, merge, parse
from simsiam_core.runs import RunStore

TINY = {
    "name": "tiny",
    "data": {"source": "textures", "image_size": 16, "train_limit": 80, "test_limit": 20},
    "model": {"backbone": "resnet10", "stem": "stride2", "width": 4, "projector_dim": 16, "predictor_hidden": 8},
    "optimiser": {"base_lr": 0.2, "warmup_epochs": 1},
    "training": {"epochs": 3, "batch_size": 20, "device": "cpu"},
    "knn": {"k": 5},
    "checkpoints": {"checkpoint_every": 2},
}


def tiny(**sections: dict | str) -> Config:
    """The tiny config: 4 steps an epoch, 3 epochs, with changes by section."""
    return parse(merge(TINY, sections))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing is read from or left in the user's cache."""
    os.environ["SIMSIAM_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")
