from __future__ import annotations

import pytest
import torch
from features.conftest import TINY, write_checkpoint

from simsiam_core.bench import planted
from simsiam_core.config import ConfigError
from simsiam_core.data import load
from simsiam_core.runs import RunDirectory, RunStore


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    dataset, run = load(TINY.data), store.create(TINY)
    write_checkpoint(run, "last", TINY, dataset.mean, dataset.std, seed=0)
    return run


def test_what_was_planted_is_counted(run: RunDirectory) -> None:
    before = sorted(run.path.rglob("*"))
    figures = planted.measure(run, copies=8, flips=6, k=10)
    assert figures["images"] == 84, "80 images and those copies that stand among them"
    assert 4 <= figures["of the first 8 pairs"] <= figures["of the first 16 pairs"] <= 8
    assert figures["re-encoded, of 2, among the first 16"] == 2
    assert 0 <= figures["of the first 6 suspects"] <= figures["of the first 18 suspects"] <= 6
    assert sorted(run.path.rglob("*")) == before, "nothing of the run is changed"


def test_too_few_images_are_a_sentence(run: RunDirectory) -> None:
    with pytest.raises(ConfigError, match="too few images"):
        planted.measure(run, copies=50, flips=100)


def test_a_cropped_copy_has_the_size_of_the_image() -> None:
    pixels = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    for change in planted.CHANGES.values():
        assert change(planted._pil_image(pixels)).size == (32, 32)
