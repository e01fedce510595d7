"""The smallest config that trains: 4 steps an epoch, 3 epochs, a second or two."""

from __future__ import annotations

from simsiam_core.config import Config, merge, parse

TINY = {
    "name": "tiny",
    "data": {"source": "textures", "image_size": 16, "train_limit": 80, "test_limit": 20},
    "model": {
        "backbone": "resnet10",
        "stem": "stride2",
        "width": 8,
        "projector_dim": 16,
        "predictor_hidden": 8,
    },
    "optimiser": {"base_lr": 0.2, "warmup_epochs": 1},
    "training": {"epochs": 3, "batch_size": 20, "device": "cpu"},
    "knn": {"k": 5},
    "checkpoints": {"checkpoint_every": 2},
}


def tiny(**sections: dict | str) -> Config:
    """The tiny config: 4 steps an epoch, 3 epochs, with changes by section."""
    return parse(merge(TINY, sections))
