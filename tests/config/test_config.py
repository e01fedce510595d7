from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from simsiam_core.config import (
    Config,
    ConfigError,
    allowed,
    dump_yaml,
    fields,
    merge,
    parse,
    presets,
    read_yaml,
)


def problem(values: dict) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse(values)
    (only,) = caught.value.problems
    return only.path, only.message


def test_every_field_can_explain_itself() -> None:
    for spec in fields():
        assert spec.title
        assert spec.description.endswith(".")
        assert allowed(spec)


def test_leaf_names_are_unique_so_that_they_serve_as_flags() -> None:
    names = [spec.name for spec in fields()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("values", "path", "words"),
    [
        ({"training": {"batch_size": 0}}, "training.batch_size", ["Batch size", "is 0", "from 2 to 65536"]),
        ({"training": {"epochs": "many"}}, "training.epochs", ["Epochs", "'many'", "a whole number"]),
        ({"data": {"source": "imagenet"}}, "data.source", ["'imagenet'", "textures, cifar10"]),
        ({"data": {"source": "folder"}}, "data.path", ["Folder or file is empty"]),
        ({"optimiser": {"base_lr": 0}}, "optimiser.base_lr", ["is 0", "above 0"]),
        ({"optimiser": {"base_lr": float("nan")}}, "optimiser.base_lr", ["nan", "a number"]),
        ({"optimiser": {"momentum": 1}}, "optimiser.momentum", ["(not included)"]),
        (
            {"augmentation": {"crop_scale_min": 0.9, "crop_scale_max": 0.5}},
            "augmentation.crop_scale_min",
            ["0.9"],
        ),
        (
            {"optimiser": {"warmup_epochs": 5}, "training": {"epochs": 4}},
            "optimiser.warmup_epochs",
            ["5", "4"],
        ),
        ({"model": {"depth": 18}}, "model.depth", ["Unknown setting", "backbone", "width"]),
        ({"modle": {}}, "modle", ["Unknown setting", "model"]),
        ({"model": 18}, "model", ["a group of settings"]),
        ({"name": "../up"}, "name", ["letters, digits"]),
    ],
)
def test_bad_values_get_one_sentence_at_their_field(values: dict, path: str, words: list[str]) -> None:
    where, message = problem(values)
    assert where == path
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert message.endswith(".")


def test_several_problems_are_all_told() -> None:
    with pytest.raises(ConfigError) as caught:
        parse({"training": {"batch_size": 0, "epochs": 0}})
    assert {p.path for p in caught.value.problems} == {"training.batch_size", "training.epochs"}


def test_presets_are_valid_and_say_what_they_are_for() -> None:
    found = presets()
    assert {"quick", "starting-point", "paper-cifar10"} <= found.keys()
    for preset in found.values():
        parse(preset.values)
        assert preset.title
        assert preset.description


def test_the_starting_point_is_as_published() -> None:
    config = parse(presets()["starting-point"].values)
    assert config.lr == pytest.approx(0.06)
    assert (config.training.batch_size, config.optimiser.warmup_epochs) == (512, 10)
    assert (config.model.projector_dim, config.model.predictor_hidden) == (1024, 512)
    assert (config.knn.k, config.knn.temperature) == (200, 0.1)


def test_yaml_round_trip(tmp_path: Path) -> None:
    config = parse({"name": "round trip", "data": {"train_limit": 100}})
    (tmp_path / "c.yaml").write_text(dump_yaml(config))
    assert parse(read_yaml(tmp_path / "c.yaml")) == config
    assert yaml.safe_load(dump_yaml(Config()))["schema_version"] == 1


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2", "just words"])
def test_malformed_yaml_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yaml") as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)


def test_later_layers_win_in_merge() -> None:
    merged = merge(
        {"data": {"source": "cifar10", "image_size": 32}}, {"data": {"image_size": 64}}, {"name": "x"}
    )
    assert merged == {"data": {"source": "cifar10", "image_size": 64}, "name": "x"}


def test_configs_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().training.epochs = 3  # type: ignore[misc]
