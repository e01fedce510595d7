"""The preset `my-images`: folders that differ resolve differently, completely, and with reasons."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from simsiam_core.cli import main
from simsiam_core.config import Config, ConfigError, find_field, merge, parse, preset
from simsiam_core.data.survey import Survey, survey
from simsiam_core.runs import RunStore
from simsiam_core.training.adapt import Adapted, adapt, baseline, explain, pretrained, scratch
from simsiam_core.training.adapt.draft import Draft

PACE = 777.0


def seen(images: int, side: int = 300, grey: bool = False, alike: float = 0.0, classes: int = 10) -> Survey:
    sample = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
    sizes = (images // classes,) * classes if classes else ()
    return Survey(
        images, sizes, side, side, side, grey, alike, sample, torch.zeros(4).long() if classes else None
    )


def resolved(survey: Survey, gpu: bool = False, recipe: Any = scratch, **given: Any) -> Config:
    draft = Draft(merge({"data": {"source": "textures"}}, given))
    recipe.choose(draft, survey, gpu)
    return parse(draft.all_values)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of 24 images: one dark, one light, in colour."""
    generator = torch.Generator().manual_seed(0)
    for name, least in (("dark", 0), ("light", 100)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(24):
            pixels = torch.randint(least, least + 150, (40, 60, 3), generator=generator, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


def on(path: Path, **given: Any) -> Adapted:
    values = merge(preset("my-images").values, {"data": {"path": str(path)}, "model": {"weights": ""}}, given)
    return adapt("my-images", values, images_per_second=PACE)


def test_count_size_colour_and_likeness_decide() -> None:
    base = resolved(seen(1000))
    assert resolved(seen(30_000)).augmentation.crop_scale_min < base.augmentation.crop_scale_min
    assert resolved(seen(1000, side=20)).data.image_size < base.data.image_size
    assert resolved(seen(1000, grey=True)).augmentation.hue == 0 != base.augmentation.hue
    writing = resolved(seen(1000, grey=True, alike=0.6)).augmentation
    assert writing.flip_probability == 0 != base.augmentation.flip_probability
    assert writing.crop_scale_min > base.augmentation.crop_scale_min
    assert resolved(seen(40)).training.batch_size == 20 < base.training.batch_size
    assert resolved(seen(30_000), gpu=True).model.width > base.model.width


def test_pretrained_weights_are_kept_what_they_are() -> None:
    config = resolved(seen(1000), recipe=pretrained)
    assert config.model.weights == "pretrained"
    assert config.training.frozen_batch_norm
    assert config.objective.method == "simsiam"  # the others part images of one class
    assert config.training.frozen_stages == 99 and config.training.frozen_epochs >= 1
    assert config.optimiser.layer_decay < 1
    assert "projection_dim" not in config.model.model_fields_set  # SimSiam has none, and would say so
    assert resolved(seen(1000), gpu=True, recipe=pretrained).data.image_size == 224 > config.data.image_size


def test_everything_is_resolved_and_has_a_reason(photos: Path) -> None:
    found = on(photos)
    config = parse(found.values)
    assert config.knn.k == 5
    assert config.data.image_size == 32
    assert config.training.epochs == scratch.MOST_EPOCHS  # 5 minutes would be thousands
    for choice in found.choices.chosen:
        assert find_field(choice.path) is not None
        assert choice.reason
        section, _, name = choice.path.partition(".")
        assert config.model_dump()[section][name] == choice.value
    said = explain(found)
    assert said[0].startswith("Images: 43, 2 classes of about 21; shorter side 40 px, in colour")
    assert any("Smallest crop 0.5: 43 images are few" in sentence for sentence in said)


def test_what_was_given_stays(photos: Path) -> None:
    given = {"training": {"epochs": 7}, "knn": {"k": 3}, "objective": {"method": "byol"}}
    found = on(photos, **given)
    config = parse(found.values)
    assert (config.training.epochs, config.knn.k, config.objective.method) == (7, 3, "byol")
    assert not {"training.epochs", "knn.k", "objective.method"} & {c.path for c in found.choices.chosen}
    assert config.checkpoints.checkpoint_every == 1  # follows the epochs that were given


def test_weights_at_hand_are_taken_unless_random_ones_are_asked_for(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"data": {"source": "folder", "path": str(photos)}}
    monkeypatch.setattr(pretrained, "frozen_accuracy", lambda seen: 1.0)
    for there, expected in ((True, "pretrained"), (False, "")):
        monkeypatch.setattr(pretrained, "at_hand", lambda there=there: there)
        assert adapt("my-images", values, images_per_second=PACE).values["model"]["weights"] == expected
    monkeypatch.setattr(pretrained, "at_hand", lambda: True)
    random = adapt("my-images", values | {"model": {"backbone": "resnet18"}}, images_per_second=PACE)
    assert (random.values["model"]["weights"], random.values["model"]["backbone"]) == ("", "resnet18")


def test_weights_that_tell_less_than_pixels_are_taken_only_where_they_are_asked_for(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"data": {"source": "folder", "path": str(photos)}}
    monkeypatch.setattr(pretrained, "at_hand", lambda: True)
    monkeypatch.setattr(pretrained, "frozen_accuracy", lambda seen: 0.4)
    found = adapt("my-images", values, images_per_second=PACE)
    assert (found.values["model"]["weights"], found.values["model"]["backbone"]) == ("", "resnet10")
    (said,) = [sentence for sentence in explain(found) if "the pretrained network names" in sentence]
    assert "the class of 40% of the sample, raw pixels of 100%" in said
    monkeypatch.setattr("simsiam_core.training.adapt.raw_pixels_accuracy", lambda seen: 0.5)
    few = adapt("my-images", values, images_per_second=PACE)  # 43 images cannot tell 40 % from 50 %
    assert few.values["model"]["weights"] == "pretrained"
    monkeypatch.undo()
    monkeypatch.setattr(pretrained, "at_hand", lambda: True)
    monkeypatch.setattr(pretrained, "frozen_accuracy", lambda seen: 0.4)
    asked = values | {"model": {"weights": "pretrained"}}
    assert adapt("my-images", asked, images_per_second=PACE).values["model"]["weights"] == "pretrained"
    monkeypatch.setattr(baseline, "has_classes", lambda seen: False)
    monkeypatch.setattr("simsiam_core.training.adapt.has_classes", lambda seen: False)
    assert adapt("my-images", values, images_per_second=PACE).values["model"]["weights"] == "pretrained"


@pytest.mark.skipif(not pretrained.at_hand(), reason="the extra `pretrained` is not installed")
def test_the_installed_weights_tell_textures_apart_and_noise_does_not() -> None:
    found = survey(parse({"data": {"source": "textures", "train_limit": 120}}).data)
    assert pretrained.frozen_accuracy(found) > 0.9 > baseline.raw_pixels_accuracy(found)
    noise = torch.randint(0, 256, found.sample.shape, generator=torch.Generator().manual_seed(0))
    assert pretrained.frozen_accuracy(replace(found, sample=noise.to(torch.uint8))) < 0.4


def test_images_whose_pixels_are_hard_to_beat_are_told_before(photos: Path) -> None:
    """The light and the dark ones: any neighbour names the class."""
    said = " ".join(explain(on(photos)))
    assert "hard to beat" in said
    assert baseline.raw_pixels_sentence(seen(100, classes=0), from_weights=False) == []


@pytest.mark.parametrize(("alike", "from_weights"), [(0.5, False), (0.1, False), (0.5, True)])
def test_images_of_one_layout_are_told_before(
    monkeypatch: pytest.MonkeyPatch, alike: float, from_weights: bool
) -> None:
    monkeypatch.setattr(baseline, "raw_pixels_accuracy", lambda survey: 0.6)
    (said,) = baseline.raw_pixels_sentence(seen(100, alike=alike), from_weights)
    assert "name the class of 60%." in said
    assert ("may end no better" in said) == (alike > 0.3 and not from_weights)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        on(tmp_path / "nowhere")


def test_on_the_terminal(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentences come first, and the run keeps what it was given and why."""
    runs = tmp_path / "runs"
    given = ["--data.path", str(photos), "--model.weights", "", "--epochs", "1", "--save-dir", str(runs)]
    assert main(["train", "--preset", "my-images", *given]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Images: 43, ")
    assert "Smallest crop 0.5: " in printed
    (run,) = RunStore(runs).runs()
    choices = json.loads((run.path / "choices.json").read_text())
    assert choices["preset"] == "my-images"
    assert run.config().knn.k == 5
    assert main(["runs", "show", run.id, "--save-dir", str(runs)]) == 0
    assert "Smallest crop 0.5: " in capsys.readouterr().out
