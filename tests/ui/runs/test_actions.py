from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from tiny import tiny

from simsiam_core.config import parse
from simsiam_core.model.checkpoint import RECIPE, recipe
from simsiam_core.runs import RunStore
from simsiam_core.runs.weights import check_weights
from simsiam_core.ui.runs.actions import Actions


def test_training_from_a_checkpoint_takes_the_settings_that_its_weights_need(store: RunStore) -> None:
    config = tiny(data={"image_size": 24}, model={"width": 16})
    run = store.create(config)
    content = {RECIPE: recipe(config, (0.5,) * 3, (0.25,) * 3, (), 1), "global_step": 4}
    torch.save(content, run.checkpoints_dir / "epoch=0001.ckpt")
    context: Any = SimpleNamespace(store=store)
    filled = parse(Actions(context)._from(run.id, "epoch=0001"))
    check_weights(filled, store)
    assert filled.model.weights == f"{run.id}:epoch=0001"
    assert (filled.model.backbone, filled.model.width, filled.data.image_size) == ("resnet10", 16, 24)
