"""The program from Python: the same features, neighbours and predictions as everywhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny

import simsiam_core
from simsiam_core.bench.untrained import untrained
from simsiam_core.data import load
from simsiam_core.evaluation.worker import evaluate
from simsiam_core.features.bank import load_bank
from simsiam_core.runs import RunStore
from simsiam_core.runs.evaluations import create_evaluation


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, _own_cache: None) -> simsiam_core.Run:
    directory = untrained(RunStore(tmp_path_factory.mktemp("api") / "runs"), tiny())
    return simsiam_core.open_run(directory.path, checkpoint="epoch=0000")


@pytest.fixture(scope="module")
def images(run: simsiam_core.Run) -> torch.Tensor:
    return load(run.config().data).split("test").images.clone()


def test_images_of_every_form_have_equal_features(
    run: simsiam_core.Run, images: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsiam_core.api.AT_ONCE", 8)
    bank = load_bank(run.directory, run.directory.checkpoint("epoch=0000"), "test")
    expected = bank.features.numpy()
    arrays = images.permute(0, 2, 3, 1).numpy()
    pictures = [Image.fromarray(array) for array in arrays]
    files = [tmp_path / f"{row}.png" for row in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        picture.save(file)
    several = (images, list(images), arrays, list(arrays), pictures, files, map(str, files))
    for given in several:
        found = run.embed(given)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-6)
    for one in (images[0], arrays[0], pictures[0], files[0], str(files[0])):
        np.testing.assert_allclose(run.embed(one), expected[:1], atol=1e-6)
    assert run.embed([]).shape == (0, 64)
    large = pictures[0].resize((40, 30))
    assert run.embed(large).shape == run.embed(large.convert("L")).shape == (1, 64)


def test_neighbours_are_found_among_the_runs_images(run: simsiam_core.Run, images: torch.Tensor) -> None:
    found = run.neighbours(images[3], k=4, among="test")
    own = load(run.config().data).split("test").ids[3]
    assert len(found) == 4 and found[0].id == own and found[0].similarity == pytest.approx(1)
    assert [n.similarity for n in found] == sorted((n.similarity for n in found), reverse=True)
    assert found[0].pixels.shape == (16, 16, 3)


def test_images_are_classified_by_an_evaluation(run: simsiam_core.Run, images: torch.Tensor) -> None:
    with pytest.raises(simsiam_core.RunError, match="evaluate linear"):
        run.predict(images)
    job = create_evaluation(
        run.directory, {"kind": "linear", "epochs": 2, "checkpoint": "epoch=0000", "batch_size": 16}
    )
    assert evaluate(job) == 0
    assert run.evaluations == [job.id]
    result = job.result()
    assert result is not None
    found = run.predict(images)
    classes = result["details"]["classes"]
    assert [one.label for one in found] == [classes[i] for i in result["details"]["predicted"]]
    assert found[0].confidence == max(found[0].probabilities.values())
    assert sum(found[0].probabilities.values()) == pytest.approx(1)
    (one,) = run.predict(images[0], evaluation=job.id)
    assert one.label == found[0].label and one.confidence == pytest.approx(found[0].confidence, abs=1e-5)


def test_errors_are_one_sentence(run: simsiam_core.Run, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    for bad in (
        "none.jpg",
        tmp_path / "broken.png",
        tmp_path,
        np.zeros((4, 4, 3)),
        torch.zeros(7, 7),
        3,
        [3],
    ):
        with pytest.raises(simsiam_core.ImageError) as error:
            run.embed(bad)  # type: ignore[arg-type]
        assert "\n" not in str(error.value) and str(error.value).endswith(".")
        with pytest.raises(simsiam_core.ImageError):
            run.neighbours(bad)  # type: ignore[arg-type]
    with pytest.raises(simsiam_core.RunError, match="no checkpoint 'epoch=0099'"):
        run.at("epoch=0099")
    with pytest.raises(simsiam_core.RunError, match="no run"):
        simsiam_core.open_run("none", save_dir=str(tmp_path))


def test_importing_the_package_is_cheap_and_offers_its_names() -> None:
    code = """
import sys, simsiam_core
assert not {"torch", "numpy", "pydantic", "PIL"} & sys.modules.keys()
from simsiam_core import open_run, Run
for name in simsiam_core.NAMES:
    assert getattr(simsiam_core, name).__name__ == name and name in dir(simsiam_core)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
