"""Runs with the checkpoint of an untrained network, for inspection without training."""

from __future__ import annotations

import torch

from simsiam_core.config import Config
from simsiam_core.data import load
from simsiam_core.model import recipe
from simsiam_core.model.checkpoint import RECIPE
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.training.objective import Objective


def untrained(store: RunStore, config: Config) -> RunDirectory:
    """Return a run with only the checkpoint `epoch=0000`; weights are initialised from the config's seed."""
    torch.manual_seed(config.training.seed)
    dataset, run = load(config.data), store.create(config)
    network = Objective(config, dataset.mean, dataset.std).network()
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    carried = recipe(config, dataset.mean, dataset.std, dataset.train.classes, epochs_done=0)
    content = {"state_dict": weights, "global_step": 0, RECIPE: carried}
    torch.save(content, run.checkpoints_dir / "epoch=0000.ckpt")
    return run
