"""Memory that runs out: the sentence names a batch size, and that batch size does fit."""

from __future__ import annotations

import re

from tiny import tiny

from simsiam_core.config import Config
from simsiam_core.runs import RunStore

from .conftest import Trainers

LIMIT = 200_000_000


def large(batch_size: int) -> Config:
    """Some 3 MB of activations for each image of a batch."""
    model = {"stem": "cifar", "width": 16}
    training = {"epochs": 1, "batch_size": batch_size}
    data = {"image_size": 32, "train_limit": 400}
    return tiny(model=model, training=training, data=data, knn={"knn_every": 1000})


def test_a_process_without_memory_names_a_batch_size_that_fits(store: RunStore, trainers: Trainers) -> None:
    run = store.create(large(400))
    trainers.train(run, memory_limit=LIMIT)
    status = run.status()
    assert (status.state, status.exit_code) == ("failed", 1), status
    said = re.search(r"ran out of memory at batch size 400; about (\d+) would fit", status.error or "")
    assert said, status.error
    assert "The last good checkpoint is epoch=0000 (step 0)" in (status.error or "")
    print(said[0])
    smaller = store.create(large(int(said[1])))
    trainers.train(smaller, memory_limit=LIMIT)
    assert smaller.status().state == "finished", smaller.status().error
