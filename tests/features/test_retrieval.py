from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset, ImageError
from simsiam_core.features import loaded
from simsiam_core.features.inspection import prepare
from simsiam_core.features.retrieval import Question, neighbours
from simsiam_core.runs import RunDirectory, RunError


def png(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_uploaded_copy_finds_its_original_first(run: RunDirectory, dataset: Dataset) -> None:
    original = dataset.train.images[11].permute(1, 2, 0).numpy()
    answer = neighbours(run.path, "last", Question("train", png(original), k=6, temperature=0.1))
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
    answer = neighbours(run.path, "last", Question("train", dataset.train.ids[0], k=9, temperature=0.2))
    nearest = answer.neighbours[0].similarity
    weights: dict[str, float] = {}
    for n in answer.neighbours:
        weights[n.label] = weights.get(n.label, 0) + np.exp((n.similarity - nearest) / 0.2)
    assert {v.label: v.weight for v in answer.votes} == pytest.approx(weights, rel=1e-4)
    assert sum(v.share for v in answer.votes) == pytest.approx(1)
    assert [v.share for v in answer.votes] == sorted((v.share for v in answer.votes), reverse=True)


def test_an_image_is_not_its_own_neighbour_but_is_found_from_the_other_split(
    run: RunDirectory, dataset: Dataset
) -> None:
    own = dataset.train.ids[3]
    answer = neighbours(run.path, "last", Question("train", own, k=1000, temperature=0.1))
    assert answer.query_label == dataset.train.classes[int(dataset.train.labels[3])]
    assert {n.id for n in answer.neighbours} == set(dataset.train.ids) - {own}
    across = neighbours(run.path, "last", Question("test", own, k=5, temperature=0.1))
    assert {n.id for n in across.neighbours} <= set(dataset.test.ids)


def test_two_checkpoints_answer_differently(run: RunDirectory, dataset: Dataset) -> None:
    def ask(checkpoint: str) -> list[str]:
        answer = neighbours(
            run.path, checkpoint, Question("train", dataset.test.ids[0], k=10, temperature=0.1)
        )
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
    asked = {
        "checkpoint": "last",
        "split": "train",
        "query": dataset.train.ids[0],
        "k": 3,
        "temperature": 0.1,
    }
    asked |= change
    with pytest.raises(error, match=sentence):
        neighbours(run.path, asked.pop("checkpoint"), Question(**asked))


def test_a_second_question_loads_nothing(
    run: RunDirectory, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prepare(run.path, "last", "train") == 80
    for name in ("load", "load_encoder", "load_bank"):
        monkeypatch.setattr(loaded, name, None)  # calling it would fail
    answer = neighbours(run.path, "last", Question("train", dataset.test.ids[0], k=3, temperature=0.1))
    assert len(answer.neighbours) == 3
