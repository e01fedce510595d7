"""A run with two checkpoints of an untrained network: enough to encode, search and vote with."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from tiny import tiny

from simsiam_core.config import Config
from simsiam_core.data import Dataset, load
from simsiam_core.model import build_backbone, recipe
from simsiam_core.runs import RunDirectory, RunStore

TINY = tiny()


def write_checkpoint(
    run: RunDirectory, name: str, config: Config, mean: Sequence[float], std: Sequence[float], seed: int
) -> None:
    torch.manual_seed(seed)
    weights = build_backbone(config.model).state_dict()
    content = {
        "state_dict": {f"network.backbone.{key}": value for key, value in weights.items()},
        "global_step": 7,
        "simsiam": recipe(config, mean, std, [], 1),
    }
    torch.save(content, run.checkpoints_dir / f"{name}.ckpt")


@pytest.fixture(scope="session")
def dataset(_own_cache: None) -> Dataset:
    return load(TINY.data)


@pytest.fixture
def run(store: RunStore, dataset: Dataset) -> RunDirectory:
    run = store.create(TINY)
    for seed, name in enumerate(("epoch=0001", "last")):
        write_checkpoint(run, name, TINY, dataset.mean, dataset.std, seed)
    return run
