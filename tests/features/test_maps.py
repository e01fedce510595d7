from __future__ import annotations

import sys
import types
from collections.abc import Callable

import numpy as np
import pytest
import torch
from features.conftest import TINY, write_checkpoint

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset
from simsiam_core.features import maps, projection, sample
from simsiam_core.features.map_settings import MapSettings
from simsiam_core.features.maps import draw_map, facts, place, through_training
from simsiam_core.features.neighbours import search
from simsiam_core.runs import RunDirectory

PCA = MapSettings(method="pca", sample=60)
UMAP = MapSettings(method="umap", sample=60)


@pytest.fixture
def quick_umap(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """In the place of umap, which takes long to import: keeps the start, and notes what it was asked."""
    asked: list[dict] = []

    class Reducer:
        def __init__(self, **given: object) -> None:
            asked.append(given)
            self.start = given["init"]

        def fit_transform(self, rows: np.ndarray) -> np.ndarray:
            asked[-1]["tqdm_kwds"]["file"].write("3 4\n")  # type: ignore[index]
            return self.start + 1

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Reducer))
    return asked


def test_principal_axes_are_those_of_the_singular_value_decomposition() -> None:
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([5.0, 3, 1, 1, 1, 1])
    placed = projection.PrincipalAxes(x, 2).place(x)
    u, s, _ = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    expected = (u * s)[:, :2].numpy()
    assert np.allclose(np.abs(placed), np.abs(expected), atol=1e-3)
    assert projection.PrincipalAxes(x[:, :2], 3).place(x[:, :2]).shape == (50, 3), (
        "fewer features than dimensions"
    )


def test_procrustes_undoes_a_turn_a_shift_and_a_scale() -> None:
    points = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    turn = np.array([[0, 1], [1, 0]])  # a mirror
    assert np.allclose(projection.procrustes(3 * points @ turn + 5, points), points, atol=1e-4)


def test_a_point_among_its_neighbours_is_nearest_to_the_nearest() -> None:
    corners = np.array([[0, 0], [1, 0]], np.float32)
    middle = projection.place_among_neighbours(corners, np.array([0.5, 0.5]), 0.1)
    assert np.allclose(middle, [0.5, 0])
    assert projection.place_among_neighbours(corners, np.array([0.9, 0.5]), 0.1)[0] < 0.05


def test_a_map_is_drawn_once_and_then_read(run: RunDirectory, dataset: Dataset) -> None:
    first = draw_map(run.path, "last", PCA)
    again = draw_map(run.path, "last", PCA)
    assert (first.cached, again.cached) == (False, True)
    assert np.array_equal(first.coordinates, again.coordinates)
    assert (len(first.ids), first.total, first.coordinates.shape) == (60, 80, (60, 2))
    assert first.coordinates.dtype == np.float32
    labels = [first.classes[i] for i in first.labels]
    assert labels == [image_id.split("/")[1] for image_id in first.ids]
    assert set(np.bincount(first.labels)) == {6}, "stratified"
    other = draw_map(run.path, "epoch=0001", PCA)
    assert other.ids == first.ids and not np.array_equal(other.coordinates, first.coordinates)
    assert draw_map(run.path, "last", MapSettings("pca", "train", 60, 3)).coordinates.shape == (60, 3)
    for path in run.projections_dir.glob("*-map.npz"):
        path.write_bytes(b"damaged")
    assert np.array_equal(draw_map(run.path, "last", PCA).coordinates, first.coordinates)


def test_umap_starts_from_pca_with_our_neighbours_and_reports(
    run: RunDirectory, quick_umap: list[dict]
) -> None:
    assert maps.cached_map(run.path, "last", UMAP) is None
    told: list[tuple[float, str]] = []
    drawn = draw_map(run.path, "last", UMAP, lambda fraction, text: told.append((fraction, text)))
    assert told[-1] == (pytest.approx(0.3 + 0.7 * 3 / 4), "UMAP: epoch 3 of 4")
    rows, distances, _ = quick_umap[0]["precomputed_knn"]
    assert rows.shape == (60, 15)
    assert np.array_equal(rows[:, 0], np.arange(60)), "each point is the first of its own"
    assert (np.diff(distances, axis=1) >= 0).all()
    flat = draw_map(run.path, "last", PCA).coordinates
    assert np.corrcoef(drawn.coordinates[:, 0], flat[:, 0])[0, 1] > 0.99
    cached = maps.cached_map(run.path, "last", UMAP)
    assert cached is not None and np.array_equal(cached.coordinates, drawn.coordinates)
    draw_map(run.path, "last", MapSettings(sample=60, metric="manhattan", reproducible=True))
    assert quick_umap[-1]["precomputed_knn"] == (None, None, None)
    assert quick_umap[-1]["random_state"] == 0


def test_facts_are_a_vote_without_the_point_itself(run: RunDirectory) -> None:
    points = sample.sampled(run, "last", "train", 60)
    similarities, rows = points.neighbours(5)
    everything = points.features @ points.features.T
    everything.fill_diagonal_(-2)
    best = everything.topk(5, dim=1)
    assert torch.allclose(similarities, best.values, atol=1e-5)
    assert not (rows == torch.arange(60)[:, None]).any()
    known = facts(run.path, "last", PCA)
    assert known.predictions.shape == known.confidence.shape == known.density.shape == (60,)
    assert ((known.confidence > 0) & (known.confidence <= 1)).all()


def test_a_query_drowned_in_duplicates_still_loses_one_neighbour() -> None:
    same = torch.nn.functional.normalize(torch.ones(6, 4), dim=1)
    similarities, rows = sample.without_self(*search(same, same, 4))
    assert rows.shape == similarities.shape == (6, 3)
    assert not (rows == torch.arange(6)[:, None]).any()


def test_an_image_is_placed_and_its_neighbours_are_true(run: RunDirectory, dataset: Dataset) -> None:
    drawn = draw_map(run.path, "last", PCA)
    own = drawn.ids[7]
    placed = place(run.path, "last", PCA, own)
    assert np.array_equal(placed.coordinates, drawn.coordinates[7])
    assert own not in placed.ids and len(placed.ids) == 10
    assert [drawn.ids[row] for row in placed.rows] == list(placed.ids)
    assert list(placed.similarities) == sorted(placed.similarities, reverse=True)
    elsewhere = place(run.path, "last", PCA, dataset.test.ids[0])
    assert "axes" in elsewhere.how
    moved = place(run.path, "last", PCA, dataset.test.ids[0], on=(drawn.key, drawn.coordinates + 9))
    assert "among its 10 nearest" in moved.how, (
        "the map was turned or moved: its axes are no longer those of PCA"
    )
    part = place(run.path, "last", PCA, own, region=(0.0, 0.0, 0.5))
    assert not np.array_equal(part.coordinates, placed.coordinates), "a part is another image"


def test_on_umap_a_new_image_lies_among_its_neighbours(
    run: RunDirectory, dataset: Dataset, quick_umap: list[dict]
) -> None:
    drawn = draw_map(run.path, "last", UMAP)
    placed = place(run.path, "last", UMAP, dataset.test.ids[3])
    near = drawn.coordinates[list(placed.rows)]
    assert (near.min(0) <= placed.coordinates).all() and (placed.coordinates <= near.max(0)).all()
    assert "among its 10 nearest" in placed.how


def test_maps_through_training_show_the_same_points_and_end_with_the_last(
    run: RunDirectory, quick_umap: list[dict]
) -> None:
    (run.checkpoints_dir / "last.ckpt").rename(run.checkpoints_dir / "epoch=0002.ckpt")
    early, late = through_training(run.path, UMAP)
    assert (early.checkpoint, late.checkpoint) == ("epoch=0001", "epoch=0002")
    assert early.ids == late.ids
    assert np.array_equal(late.coordinates, draw_map(run.path, "epoch=0002", UMAP).coordinates)
    count = len(quick_umap)
    again = through_training(run.path, UMAP)
    assert len(quick_umap) == count, "nothing is drawn twice"
    assert np.array_equal(again[0].coordinates, early.coordinates)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: MapSettings(method="tsne"), "'tsne' is no method"),
        (lambda: MapSettings(dimensions=4), "4 is no dimensions"),
        (lambda: MapSettings(sample=3), "Sample is 3; it must be from 10"),
        (lambda: MapSettings(min_dist=float("nan")), "Min dist is nan"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(make: Callable[[], MapSettings], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        make()


def test_an_image_is_not_placed_on_the_map_of_a_checkpoint_that_was_replaced(
    run: RunDirectory, dataset: Dataset
) -> None:
    """A second map was drawn without a word, and the star of the one stood in the coordinates of the other."""
    drawn = draw_map(run.path, "last", PCA)
    write_checkpoint(run, "last", TINY, dataset.mean, dataset.std, seed=5)
    with pytest.raises(ConfigError, match="has replaced since"):
        place(run.path, "last", PCA, dataset.test.ids[0], on=(drawn.key, drawn.coordinates))
