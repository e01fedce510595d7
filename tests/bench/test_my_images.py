from __future__ import annotations

import json
from pathlib import Path

import pytest

from simsiam_core.bench import my_images
from simsiam_core.bench.paired import difference
from simsiam_core.config import ConfigError


def test_a_paired_interval_is_narrower_than_that_of_two_samples() -> None:
    """Where two ways err on the same images, their difference is known well."""
    theirs = "1" * 500 + "0" * 500
    better = "1" * 530 + "0" * 470
    gain, low, high = difference([better, better], theirs)
    assert gain == pytest.approx(3)
    assert 1.9 < low < gain < high < 4.2
    assert difference([theirs], theirs) == (0, 0, 0)


def test_images_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="textures:many"):
        my_images.subject("textures:many", tmp_path)


def test_a_measurement_goes_on_from_what_it_kept(tmp_path: Path) -> None:
    """One epoch of unlabelled textures, which are measured by the classes that training did not know."""
    kept = tmp_path / "results.json"
    ask = (["textures:60:unlabelled"], ["random"], 1, 0.0001, 777.0, kept)
    figures = my_images.measure(*ask)
    rows = json.loads(kept.read_text())
    assert {row["what"] for row in rows.values()} == {"raw pixels", "untrained", "trained"}
    assert all(len(row["correct"]) == 60 and row["k"] == 5 for row in rows.values())
    assert "data" in next(row for row in rows.values() if row["what"] == "trained")["config"]
    before = kept.stat().st_mtime_ns
    assert my_images.measure(*ask) == figures
    assert kept.stat().st_mtime_ns == before
    asked = my_images.measure(*ask, methods=["byol"], epochs=2)
    assert asked.items() > figures.items()
    assert asked["textures:60:unlabelled from random by byol in 2 epochs: k, epochs, seeds"] == "5, 2, 1"
    trained = [row for row in json.loads(kept.read_text()).values() if row["what"] == "trained"]
    assert [row["config"]["objective"]["method"] for row in trained] == ["simclr", "byol"]
    untrained = figures["textures:60:unlabelled from random: untrained, %"]
    at = figures[
        "textures:60:unlabelled from random: untrained at temperatures of 0.02, 0.05, 0.07, 0.1, 0.2, 0.5, %"
    ]
    assert at.split(", ")[my_images.TEMPERATURES.index(my_images.TEMPERATURE)] == untrained
