from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from features.conftest import write_checkpoint
from PIL import Image
from tiny import tiny

from simsiam_core.config import ConfigError
from simsiam_core.data import load
from simsiam_core.features.agreement import pixel_agreement
from simsiam_core.features.bank import load_bank
from simsiam_core.features.diagnosis import Thresholds, diagnose, illustrated
from simsiam_core.features.held_out import held_out_probabilities
from simsiam_core.runs import RunDirectory, RunStore

EVERYTHING = Thresholds(duplicate=0, outlier=0, label=0, k=4)


@pytest.fixture
def planted(store: RunStore, tmp_path: Path) -> RunDirectory:
    """Two kinds of images, red and blue noise; a copy in each split, a red one filed as blue, and a white one."""
    generator = torch.Generator().manual_seed(0)

    def noise(channel: int) -> Image.Image:
        pixels = torch.randint(0, 60, (16, 16, 3), generator=generator, dtype=torch.uint8)
        pixels[:, :, channel] += 180
        return Image.fromarray(pixels.numpy())

    root = tmp_path / "images"
    for name, channel in (("red", 0), ("blue", 2)):
        for part, count in (("train", 12), ("test", 4)):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                noise(channel).save(root / part / name / f"{i:02d}.png")
    copy = Image.open(root / "train/red/03.png")
    touched = copy.copy()
    touched.putpixel((3, 3), (255, 255, 255))
    touched.save(root / "train/red/touched.png")
    copy.save(root / "test/red/copy.png")
    noise(0).save(root / "train/blue/wrong.png")
    Image.new("RGB", (16, 16), "white").save(root / "train/red/white.png")
    config = tiny(data={"source": "folder", "path": str(root), "train_limit": None, "test_limit": None})
    run, dataset = store.create(config), load(config.data)
    write_checkpoint(run, "last", config, dataset.mean, dataset.std, seed=0)
    return run


def test_what_was_planted_is_found_first(planted: RunDirectory) -> None:
    found = diagnose(planted.path, "last", thresholds=EVERYTHING)
    pairs = [{f.image.id, f.evidence[0].id} for f in found.duplicates]
    assert {"train/red/03.png", "test/red/copy.png"} in pairs[:2], "across the splits"
    assert {"train/red/03.png", "train/red/touched.png"} in pairs[:3], "within the split"
    assert len(pairs) == len({frozenset(pair) for pair in pairs}), "each pair once"
    bank = load_bank(planted, planted.checkpoint("last"), "train")
    fourth = (bank.features @ bank.features.T).topk(5, dim=1).values[:, 4]
    assert found.outliers[0].image.id == bank.ids[int(fourth.argmin())]
    assert found.outliers[0].score == pytest.approx(1 - float(fourth.min()), abs=1e-5)
    assert found.labels and all(f.suggested != f.image.label for f in found.labels)
    assert found.checked == 27
    scores = [f.score for f in found.duplicates]
    assert scores == sorted(scores, reverse=True)


def test_pixels_agree_with_a_mirrored_copy_and_not_with_another_image() -> None:
    some = torch.randint(
        0, 256, (2, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    assert torch.allclose(pixel_agreement(some, some.flip(-1)), torch.ones(2), atol=1e-5)
    assert (pixel_agreement(some, some.flip(0)) < 0.5).all()
    part = some[:, :, 1:, 1:].float()
    cropped = torch.nn.functional.interpolate(part, size=16, mode="bilinear", antialias=True).round().byte()
    assert (pixel_agreement(some, cropped) > 0.98).all()


def test_a_wrong_label_is_doubted_most() -> None:
    """Two groups that a line tells apart, and one of each filed as the other."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 2
    features = torch.randn(60, 8, generator=generator)
    features[:, 0] += 6.0 * (2 * labels - 1)
    wrong = torch.tensor([10, 41])
    given = labels.clone()
    given[wrong] = 1 - given[wrong]
    probabilities = held_out_probabilities(features, given, 2)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(60))
    believed = probabilities.gather(1, given[:, None])[:, 0]
    assert set(believed.argsort()[:2].tolist()) == set(wrong.tolist())
    assert torch.equal(probabilities, held_out_probabilities(features, given, 2)), "the same every time"


def test_thresholds_cut_and_the_limit_does_not_change_the_count(planted: RunDirectory) -> None:
    strict = diagnose(planted.path, "last", thresholds=Thresholds(0.999, 1.9, 1.0, 4))
    assert (
        strict.found["duplicates"] < diagnose(planted.path, "last", thresholds=EVERYTHING).found["duplicates"]
    )
    assert strict.found["outliers"] == 0
    few = diagnose(planted.path, "last", thresholds=EVERYTHING, limit=2, with_images=1)
    assert len(few.outliers) == 2 and few.found["outliers"] == 27
    assert few.outliers[0].image.pixels.size and not few.outliers[1].image.pixels.size


def test_images_of_a_later_page_are_those_that_were_found(planted: RunDirectory) -> None:
    every = diagnose(planted.path, "last", thresholds=EVERYTHING)
    bare = diagnose(planted.path, "last", thresholds=EVERYTHING, with_images=0)
    for kind in ("duplicates", "outliers", "labels"):
        found = illustrated(planted.path, "train", getattr(bare, kind)[:30])
        for ours, theirs in zip(found, getattr(every, kind)[:30], strict=True):
            assert ours.score == theirs.score
            pairs = [(ours.image, theirs.image), *zip(ours.evidence, theirs.evidence, strict=True)]
            assert all(a.id == b.id and (a.pixels == b.pixels).all() for a, b in pairs)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Thresholds(duplicate=1.5), "Duplicate is 1.5; it must be from 0 to 1"),
        (lambda: Thresholds(k=0), "K is 0"),
        (lambda: Thresholds(temperature=0), "Temperature is 0"),
    ],
)
def test_impossible_thresholds_are_one_sentence(make: Callable[[], Thresholds], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        make()
