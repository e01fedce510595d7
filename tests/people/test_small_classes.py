"""Somebody has many classes of few images: none is emptied by a split, and what is too small is said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import TINY

from simsiam_core.cli import main
from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.data import load
from simsiam_core.data.folder import list_folder
from simsiam_core.data.image_set import stratified
from simsiam_core.evaluation.splits import validation_split
from simsiam_core.runs import RunStore


def make(root: Path, sizes: Sequence[int]) -> str:
    """A folder with as many images in each class."""
    for label, size in enumerate(sizes):
        (root / f"c{label:02}").mkdir(parents=True)
        for number in range(size):
            Image.new("RGB", (8, 8), (label, number, 0)).save(root / f"c{label:02}/{number}.png")
    return str(root)


@pytest.mark.parametrize(
    ("sizes", "too_small"), [([1] * 30, 30), ([40, 1, 1], 2), ([2, 2], 2), ([50, 3, 2, 1], 1), ([3] * 10, 7)]
)
def test_the_test_images_never_take_the_last_of_a_class(
    tmp_path: Path, sizes: list[int], too_small: int
) -> None:
    """Kind: thirty classes of one image; the three held out had none to be found, kNN 0.0 %."""
    found = list_folder(make(tmp_path / "p", sizes)).description
    assert all(c.train >= 1 for c in found.classes) and found.train + found.test == sum(sizes)
    assert sum(c.test == 0 for c in found.classes) == too_small
    told = [note for note in found.notes if "too few images to give one for testing" in note]
    assert bool(told) == bool(too_small)


def test_a_limit_keeps_one_of_each_class_or_says_which_it_lost(tmp_path: Path) -> None:
    """Kind: a limit emptied rare classes without a word."""
    path = make(tmp_path / "p", [60, 2, 2, 2])

    def limited(count: int) -> tuple[set[int], str]:
        config = DataConfig(source="folder", path=path, image_size=8, train_limit=count)
        dataset = load(config)
        assert dataset.train.labels is not None and len(dataset.train) == count
        return set(dataset.train.labels.tolist()), " ".join(dataset.notes)

    labels, notes = limited(8)
    assert labels == {0, 1, 2, 3} and "too few" not in notes
    labels, notes = limited(3)
    assert len(labels) == 3 and "3 training images are too few for all classes: 1 of them" in notes


def test_choosing_on_validation_images_leaves_every_class_one_to_fit_on() -> None:
    """Kind: the only image of a class went to the validation split."""
    labels = torch.tensor([0] * 20 + [1] + [2] * 2)
    fitted, kept = validation_split(labels, 0.1, seed=0)
    assert set(labels[fitted].tolist()) == {0, 1, 2} and set(labels[kept].tolist()) == {0, 2}
    with pytest.raises(ConfigError, match="too few"):
        validation_split(torch.arange(5), 0.1, 0)


def test_balanced_choices_are_those_of_earlier_versions() -> None:
    """Kind: a run made before must find its own images again."""
    labels = torch.arange(40) % 4
    assert stratified(labels, 8).tolist() == [4, 5, 11, 14, 16, 21, 26, 39]


def test_a_sample_for_a_map_has_every_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kind: `--sample 100` kept one of twenty rare classes."""
    root = make(tmp_path / "p", [60] + [2] * 19)
    settings = {**TINY, "data": {"source": "folder", "path": root, "image_size": 16}}
    settings["training"] = {**TINY["training"], "epochs": 1, "batch_size": 40}
    (tmp_path / "c.yaml").write_text(json.dumps(settings))
    runs = str(tmp_path / "runs")
    assert main(["train", "--config", str(tmp_path / "c.yaml"), "--save-dir", runs]) == 0
    (run,) = RunStore(tmp_path / "runs").runs()
    capsys.readouterr()

    def classes(size: int) -> tuple[int, int]:
        table = tmp_path / f"{size}.csv"
        given = ["--save-dir", runs, "--method", "pca", "--sample", str(size), "--out", str(table), "--json"]
        assert main(["map", run.id, *given]) == 0
        column = table.read_text().splitlines()[0].split(",").index("label")
        seen = {line.split(",")[column] for line in table.read_text().splitlines()[1:]}
        return len(seen), json.loads(capsys.readouterr().out)["classes_without_points"]

    assert classes(25) == (20, 0)
    assert classes(10) == (10, 10)
