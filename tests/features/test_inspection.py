from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from features.conftest import TINY
from PIL import Image

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset, ImageError
from simsiam_core.features import loaded
from simsiam_core.features.inspection import browse, neighbours, prepare
from simsiam_core.features.views import preview
from simsiam_core.model import CheckpointError
from simsiam_core.runs import RunDirectory, RunError


def png(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_uploaded_copy_finds_its_original_first(run: RunDirectory, dataset: Dataset) -> None:
    original = dataset.train.images[11].permute(1, 2, 0).numpy()
    answer = neighbours(run.path, "last", "train", png(original), k=6, temperature=0.1)
    first = answer.neighbours[0]
    assert (first.id, first.similarity) == (dataset.train.ids[11], pytest.approx(1, abs=1e-5))
    assert first.label == dataset.train.classes[int(dataset.train.labels[11])]
    assert np.array_equal(first.pixels, original)
    assert np.array_equal(answer.query, original)
    assert answer.query_label is None
    similarities = [n.similarity for n in answer.neighbours]
    assert len(similarities) == 6
    assert similarities == sorted(similarities, reverse=True)
    assert set(answer.seconds) == {"load", "encode", "search"}


def test_votes_are_the_weighted_shares_of_the_neighbours_shown(run: RunDirectory, dataset: Dataset) -> None:
    answer = neighbours(run.path, "last", "train", dataset.train.ids[0], k=9, temperature=0.2)
    nearest = answer.neighbours[0].similarity
    weights: dict[str, float] = {}
    for n in answer.neighbours:
        weights[n.label] = weights.get(n.label, 0) + np.exp((n.similarity - nearest) / 0.2)
    assert {v.label: v.weight for v in answer.votes} == pytest.approx(weights, rel=1e-4)
    assert sum(v.share for v in answer.votes) == pytest.approx(1)
    assert [v.share for v in answer.votes] == sorted((v.share for v in answer.votes), reverse=True)


def test_a_image_is_not_its_own_neighbour_but_is_found_from_the_other_split(
    run: RunDirectory, dataset: Dataset
) -> None:
    own = dataset.train.ids[3]
    answer = neighbours(run.path, "last", "train", own, k=1000, temperature=0.1)
    assert answer.query_label == dataset.train.classes[int(dataset.train.labels[3])]
    assert {n.id for n in answer.neighbours} == set(dataset.train.ids) - {own}
    across = neighbours(run.path, "last", "test", own, k=5, temperature=0.1)
    assert {n.id for n in across.neighbours} <= set(dataset.test.ids)


def test_two_checkpoints_answer_differently(run: RunDirectory, dataset: Dataset) -> None:
    def ask(checkpoint: str) -> list[str]:
        answer = neighbours(run.path, checkpoint, "train", dataset.test.ids[0], k=10, temperature=0.1)
        return [n.id for n in answer.neighbours]

    assert ask("last") != ask("epoch=0001")


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"checkpoint": "epoch=0099"}, RunError, "no checkpoint 'epoch=0099'"),
        ({"split": "all"}, ConfigError, "no split 'all'"),
        ({"query": "train/none"}, ConfigError, "no image 'train/none'"),
        ({"query": b"GIF89a nonsense"}, ImageError, "image"),
        ({"k": 0}, ConfigError, "k is 0; .* \\(knn.k\\)"),
        ({"temperature": 0.0}, ConfigError, "knn.temperature"),
        ({"temperature": float("nan")}, ConfigError, "knn.temperature"),
    ],
)
def test_bad_input_is_one_sentence(
    run: RunDirectory, dataset: Dataset, change: dict, error: type[Exception], sentence: str
) -> None:
    good = {"checkpoint": "last", "split": "train", "query": dataset.train.ids[0], "k": 3, "temperature": 0.1}
    with pytest.raises(error, match=sentence):
        neighbours(run.path, **good | change)


def test_a_damaged_checkpoint_is_one_sentence(run: RunDirectory) -> None:
    run.checkpoint("last").path.write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="damaged"):
        prepare(run.path, "last", "train")


def test_a_second_question_loads_nothing(
    run: RunDirectory, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prepare(run.path, "last", "train") == 80
    for name in ("load", "load_encoder", "load_bank"):
        monkeypatch.setattr(loaded, name, None)  # calling it would fail
    answer = neighbours(run.path, "last", "train", dataset.test.ids[0], k=3, temperature=0.1)
    assert len(answer.neighbours) == 3


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
    (several,) = preview(TINY.model_dump() | {"objective": {"views": 4}}, count=1)
    assert len({view.tobytes() for view in several.views}) == 4


def test_the_server_can_name_these_functions_without_torch() -> None:
    program = (
        "import sys, simsiam_core.features.inspection, simsiam_core.features.worker\n"
        "assert not {'torch', 'gradio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
