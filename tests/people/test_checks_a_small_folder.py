"""Somebody checks a handful of images: a few of each class, plain ones, copies, names of all kinds."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from features.conftest import write_checkpoint
from PIL import Image
from tiny import tiny

from simsiam_core.cli import main
from simsiam_core.config import ConfigError
from simsiam_core.data import load
from simsiam_core.features.agreement import pixel_agreement
from simsiam_core.features.diagnosis import Thresholds, diagnose
from simsiam_core.runs import RunDirectory, RunStore

Check = Callable[[dict[str, int]], RunDirectory]


@pytest.fixture
def small(store: RunStore, tmp_path: Path) -> Check:
    """A run over a folder with so many images of noise in each `<split>/<class>`."""

    def make(counts: dict[str, int]) -> RunDirectory:
        generator = torch.Generator().manual_seed(0)
        for part, count in counts.items():
            folder = tmp_path / "pics" / part
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = torch.randint(0, 256, (16, 16, 3), generator=generator, dtype=torch.uint8)
                Image.fromarray(pixels.numpy()).save(folder / f"no {i}.png")
        data = {"source": "folder", "path": str(tmp_path / "pics"), "train_limit": None, "test_limit": None}
        config = tiny(data=data)
        run, dataset = store.create(config), load(config.data)
        write_checkpoint(run, "last", config, dataset.mean, dataset.std, seed=0)
        return run

    return make


def test_a_test_split_of_one_image(small: Check) -> None:
    """Refused with "It takes at least 4 images; there are 1": any labelled folder of 5 to 34 images was."""
    run = small({"train/cat": 4, "train/dog": 4, "test/cat": 1})
    copy = Path(run.config().data.path or "") / "test/cat/no 0.png"
    Image.open(copy).save(copy.parents[2] / "train/dog/copy.png")
    found = diagnose(run.path, "last", thresholds=Thresholds(k=3))
    assert found.checked == 9
    assert {found.duplicates[0].image.id, found.duplicates[0].evidence[0].id} == {
        "test/cat/no 0.png",
        "train/dog/copy.png",
    }


def test_one_image_a_class(small: Check, capsys: pytest.CaptureFixture[str]) -> None:
    """Every label was called suspicious; nothing can be said of any."""
    run = small({"train/a": 1, "train/b": 1, "train/c": 1, "test/a": 1})
    found = diagnose(run.path, "last", thresholds=Thresholds(label=0))
    assert found.labels == () and found.found["labels"] == 0
    assert found.notes["labels"].startswith("Nothing can be said about labels")
    assert main(["diagnose", str(run.path)]) == 0
    assert "Nothing can be said about labels" in capsys.readouterr().out


def test_some_classes_are_too_small_to_be_judged(small: Check) -> None:
    """Their images were suspects whatever they showed."""
    run = small({"train/many": 12, "train/others": 12, "train/rare": 2, "test/many": 2})
    found = diagnose(run.path, "last", thresholds=Thresholds(label=0, k=5))
    assert found.labels and all(f.image.label != "rare" for f in found.labels)
    assert "1 class with fewer than 5 images (rare: 2)" in found.notes["labels"]


def test_one_image_alone(small: Check) -> None:
    """There is nothing to compare it with: a sentence."""
    with pytest.raises(ConfigError, match="at least 2 images; there are 1"):
        diagnose(small({"train": 1}).path, "last")


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_plain_copies_are_duplicates(small: Check, shade: int) -> None:
    """Several white images, equal to the last pixel: the correlation of a constant was taken as 0."""
    run = small({"train/cat": 6, "train/dog": 6, "test/cat": 2})
    root = Path(run.config().data.path or "") / "train"
    for i in range(3):
        Image.new("RGB", (16, 16), (shade,) * 3).save(root / "cat" / f"plain{i}.png")
    found = diagnose(run.path, "last", thresholds=Thresholds(k=3))
    plain = [f for f in found.duplicates if "plain" in f.image.id and "plain" in f.evidence[0].id]
    assert len(plain) == 3, "each pair of the three"
    assert all(f.score == pytest.approx(1, abs=1e-5) and f.score <= 1 for f in plain)


def test_nearly_plain_images_agree_and_others_do_not() -> None:
    """Noise of one grey level is no structure; another colour, or an image, is another thing."""
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randint(-1, 2, (1, 3, 16, 16), generator=generator) for _ in range(2)]
    one, other = (200 + n for n in noise)
    image = torch.randint(0, 256, (1, 3, 16, 16), generator=generator)
    white, black = torch.full_like(image, 255), torch.zeros_like(image)

    def agreement(a: torch.Tensor, b: torch.Tensor) -> float:
        return float(pixel_agreement(a.byte(), b.byte()))

    assert agreement(white, white) == agreement(image, image) == 1
    assert agreement(one, other) > 0.9
    assert abs(agreement(white, black)) < 0.01
    assert abs(agreement(white, image)) < 0.2
    assert agreement(one, white) < 0.01, "a light grey is not white"


def test_ids_of_evidence_can_be_read_back(small: Check, tmp_path: Path) -> None:
    """Joined by spaces, `no 1.png no 2.png` could be anything."""
    run = small({"train/with space": 6, "train/dog, cat": 6, "test/dog, cat": 1})
    assert main(["diagnose", str(run.path), "--outlier", "0", "-k", "4", "--out", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / "outliers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    known = set(load(run.config().data).train.ids)
    assert len(rows) == 12
    for row in rows:
        evidence = json.loads(row["evidence"])
        assert len(evidence) == 4 and set(evidence) <= known - {row["id"]}
