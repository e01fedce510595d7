"""The encoder that comes with the program, from packing to looking inside with it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import tiny

from simsiam_core.features.retrieval import Question, neighbours
from simsiam_core.jobs import extend, fork
from simsiam_core.model import load_encoder
from simsiam_core.model.bundled import BUNDLE_DIR, CARD, POINTS_KEPT, install, pack, thinned
from simsiam_core.runs import BUNDLED, RunDirectory, RunError, RunStore


@pytest.fixture
def bundle(run: RunDirectory, tmp_path: Path) -> Path:
    folder = pack(run, tmp_path / "bundle", "cifar10")
    (folder / CARD).write_text("A card.")
    return folder


def test_a_packed_run_comes_back_with_its_features(run: RunDirectory, bundle: Path, tmp_path: Path) -> None:
    installed = install(RunStore(tmp_path / "other"), bundle)
    assert installed is not None
    images = torch.rand(8, 3, 16, 16)
    theirs, ours = (load_encoder(r.checkpoint().path) for r in (run, installed))
    torch.testing.assert_close(ours.backbone(images), theirs.backbone(images), rtol=2e-2, atol=5e-3)
    assert (ours.mean, ours.std) == (theirs.mean, theirs.std)
    assert ours.config.data.source == "cifar10"  # what it was trained on
    assert ours.config.data.path is None
    assert installed.config().data.source == "textures"  # what it shows
    assert installed.notes().tags == ("trained on cifar10",)
    assert installed.notes().text == "A card."
    assert not any(path.name.startswith(".bundled") for path in (tmp_path / "other").iterdir())


def test_each_curve_is_thinned_by_itself_and_keeps_both_ends() -> None:
    """Of the effective rank, measured now and then, six points were left, and none of the last third."""
    lines = [{"step": step, "train/loss": -0.5} for step in range(10_000)]
    for step in range(123, 9_900, 200):
        lines[step]["representation/effective_rank"] = 5.0
    kept = thinned(lines)
    ranks = [line["step"] for line in kept if "representation/effective_rank" in line]
    assert ranks == list(range(123, 9_900, 200))
    assert (kept[0]["step"], kept[-1]["step"]) == (0, 9_999)
    assert POINTS_KEPT <= len(kept) <= POINTS_KEPT + len(ranks)


def test_it_is_imported_once_and_not_again_after_it_was_deleted(bundle: Path, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "other")
    installed = install(store, bundle)
    assert installed is not None
    assert install(store, bundle) is None
    store.trash(installed)
    assert install(store, bundle) is None
    assert store.runs() == []


def test_it_cannot_be_trained_on(bundle: Path, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "other")
    run = install(store, bundle)
    assert run is not None
    assert run.status().state == "finished"
    with pytest.raises(RunError, match="read-only"):
        extend(run, 10_000)
    with pytest.raises(RunError, match="read-only"):
        fork(store, run, "last", {})


def test_the_one_that_is_shipped_answers_on_textures(store: RunStore) -> None:
    """Below 4 MB; and an image of the data set finds itself."""
    assert sum(path.stat().st_size for path in BUNDLE_DIR.iterdir()) < 4e6
    run = install(store)
    assert run is not None
    assert run.id == BUNDLED
    encoder = load_encoder(run.checkpoint().path)
    assert encoder.epoch == encoder.config.training.epochs
    assert json.loads((BUNDLE_DIR / "recipe.json").read_text())["classes"] == list(encoder.classes)
    accuracies = [line["val/knn_accuracy"] for line in run.metrics() if "val/knn_accuracy" in line]
    assert f"{accuracies[-1]:.1%}".replace("%", " %") in run.notes().text  # the card tells what was measured
    few = tiny().data.model_copy(update={"image_size": 32})
    run.write_config(run.config().model_copy(update={"data": few}))
    image = Image.new("RGB", (64, 48), (90, 120, 60))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    answer = neighbours(run.path, "last", Question("train", buffer.getvalue(), k=5, temperature=0.1))
    assert len(answer.neighbours) == 5
