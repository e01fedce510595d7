"""The setting `objective.method`: what configs of earlier versions mean, and settings that a method does not use."""

from __future__ import annotations

import pytest
from tiny import tiny

from simsiam_core.config import ConfigError, expand, fields, parse, preset, read_sweeps
from simsiam_core.config.ablations import members
from simsiam_core.config.unused import ignored_sentence, refuse_unused


@pytest.mark.parametrize(
    ("objective", "method"),
    [
        ({}, "simsiam"),
        ({"views": 4}, "simsiam"),
        ({"rotation_weight": 0.0, "rotation_crop": 16}, "simsiam"),
        ({"rotation_weight": 0.4}, "e_simsiam"),
        ({"method": "simsiam", "rotation_weight": 0.4}, "simsiam"),
        ({"method": "e_simsiam"}, "e_simsiam"),
        ({"method": "byol", "rotation_weight": 0.0}, "byol"),
    ],
)
def test_configs_of_earlier_versions_mean_what_they_meant(objective: dict, method: str) -> None:
    assert parse({"objective": objective}).objective.method == method
    assert parse({"objective": objective}, stored=True).objective.rotation_weight == objective.get(
        "rotation_weight", 0.4
    )


def test_a_weight_that_is_no_number_is_refused_as_before() -> None:
    with pytest.raises(ConfigError, match="Rotation weight is 'much'; it must be a number from 0 to 10"):
        parse({"objective": {"rotation_weight": "much"}})


def test_rotations_without_weight_are_no_method() -> None:
    with pytest.raises(ConfigError, match=r"Rotation weight is 0; e_simsiam needs one above 0, such as 0\.4"):
        tiny(objective={"method": "e_simsiam", "rotation_weight": 0.0, "rotation_crop": 8})


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match="it must be one of simsiam, e_simsiam, barlow_twins, byol, simclr, vicreg"
    ):
        tiny(objective={"method": "moco"})


def test_settings_of_other_methods_are_refused_where_they_were_asked_for() -> None:
    config = tiny(objective={"method": "vicreg", "contrast_temperature": 0.1})
    refuse_unused(config, {"objective": {"variance_weight": 20.0, "views": 2}, "name": "a"})
    with pytest.raises(
        ConfigError, match=r"Contrast temperature has no effect on vicreg; .* the method simclr"
    ):
        refuse_unused(config, {"objective": {"contrast_temperature": 0.1}})
    with pytest.raises(ConfigError, match="Predictor has no effect on vicreg"):
        expand({"objective": {"method": "vicreg"}}, read_sweeps(["predictor: true, false"]))
    with pytest.raises(ConfigError, match="Stop-gradient has no effect on byol"):
        members("collapse", {"objective": {"method": "byol"}})


def test_settings_of_other_methods_in_a_file_are_ignored_with_a_sentence() -> None:
    config = tiny(objective={"method": "vicreg", "contrast_temperature": 0.1, "rotation_weight": 0.0})
    assert ignored_sentence(config) == (
        "Not used by vicreg, and ignored: Predictor hidden dimension (model.predictor_hidden), Contrast temperature "
        "(objective.contrast_temperature)."
    )
    assert not ignored_sentence(tiny(objective={"rotation_weight": 0.0}))


def test_every_setting_of_a_method_names_methods_that_there_are() -> None:
    known = next(spec for spec in fields() if spec.path == "objective.method").choices
    assert {name for spec in fields() for name in spec.methods} <= set(known)


@pytest.mark.parametrize("name", ["byol", "barlow_twins", "vicreg", "simclr", "e_simsiam"])
def test_a_preset_for_each_sets_only_what_it_uses(name: str) -> None:
    values = preset(f"{name.replace('_', '-')}-cifar10").values
    config = parse(values)
    assert config.objective.method == name
    refuse_unused(config, values)
