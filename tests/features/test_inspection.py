from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from features.conftest import TINY

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset
from simsiam_core.features import loaded
from simsiam_core.features.inspection import browse, prepare
from simsiam_core.features.views import preview
from simsiam_core.model import CheckpointError
from simsiam_core.runs import RunDirectory


def test_a_damaged_checkpoint_is_one_sentence(run: RunDirectory) -> None:
    run.checkpoint("last").path.write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="damaged"):
        prepare(run.path, "last", "train")


def test_recent_values_are_bounded_and_the_oldest_goes() -> None:
    made: list[str] = []
    recent = loaded.LRUCache[str](2)
    for key in ("a", "b", "a", "c", "a", "b"):
        recent.get(key, lambda key=key: made.append(key) or key)
    assert made == ["a", "b", "c", "b"]


def test_browsing_pages_shuffles_and_filters(run: RunDirectory, dataset: Dataset) -> None:
    page = browse(run.path, "train", count=4, offset=2)
    assert [p.id for p in page.images] == list(dataset.train.ids[2:6])
    assert page.images[0].pixels.shape == (16, 16, 3)
    assert (page.total, page.classes) == (80, dataset.train.classes)
    shuffled = [p.id for p in browse(run.path, "train", count=80, seed=1).images]
    assert shuffled != list(dataset.train.ids)
    assert sorted(shuffled) == sorted(dataset.train.ids)
    assert [p.id for p in browse(run.path, "train", count=5, offset=50, seed=1).images] == shuffled[50:55]
    label = dataset.train.classes[1]
    filtered = browse(run.path, "train", count=80, label=label)
    assert {p.label for p in filtered.images} == {label}
    assert filtered.total == len(filtered.images) == int((dataset.train.labels == 1).sum())
    assert browse(run.path, "test", count=5, offset=1000).images == ()
    with pytest.raises(ConfigError, match="There is no class 'unicorn'"):
        browse(run.path, "train", count=1, label="unicorn")


def test_preview_shows_views_that_follow_the_settings(dataset: Dataset) -> None:
    images = preview(TINY.model_dump(), count=3, seed=4)
    assert len(images) == 3
    for one in images:
        original = dataset.train.image(one.id).permute(1, 2, 0).numpy()
        assert np.array_equal(one.original, original)
        assert all(view.shape == (16, 16, 3) and view.dtype == np.uint8 for view in one.views)
        assert not np.array_equal(*one.views)
    again = preview(TINY.model_dump(), count=3, seed=4)
    assert all(np.array_equal(a.views[0], b.views[0]) for a, b in zip(images, again, strict=True))
    nothing = {"crop_scale_min": 1, "flip_probability": 0, "jitter_probability": 0, "grey_probability": 0}
    (plain,) = preview(TINY.model_dump() | {"augmentation": nothing}, count=1)
    assert torch.equal(torch.from_numpy(plain.views[0]), torch.from_numpy(plain.original))
    small = {"local_views": 2, "local_size": 8}
    (multi,) = preview(TINY.model_dump() | {"objective": small}, count=1)
    assert [view.shape for view in multi.views] == [(16, 16, 3)] * 2 + [(8, 8, 3)] * 2
    (several,) = preview(TINY.model_dump() | {"objective": {"views": 4}}, count=1)
    assert len({view.tobytes() for view in several.views}) == 4


def test_the_server_can_name_these_functions_without_torch() -> None:
    program = (
        "import sys, simsiam_core.features.inspection, simsiam_core.features.worker\n"
        "assert not {'torch', 'gradio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
