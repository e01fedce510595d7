from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsiam_core.bench import methods
from simsiam_core.bench.methods import Trial, config_of
from simsiam_core.config import ConfigError
from simsiam_core.training.estimate import work


def test_equal_compute_is_equal_flop() -> None:
    """BYOL also takes each view through its target, so it gets fewer epochs for the same FLOP."""
    trial = Trial(epochs=24, path="photos", equal_compute=True)
    first, byol = (config_of(name, 0, trial) for name in ("simsiam", "byol"))
    assert first.training.epochs == 24
    assert byol.training.epochs < 24
    ratio = work(byol).flop * byol.training.epochs / (work(first).flop * 24)
    assert ratio == pytest.approx(1, abs=0.5 / byol.training.epochs)
    assert config_of("byol", 0, Trial(epochs=24, path="photos")).training.epochs == 24


def test_a_folder_takes_its_preset_and_limits() -> None:
    config = config_of("vicreg", 3, Trial(path="photos", train_limit=5000, test_limit=1000))
    assert config.data.source == "folder" and Path(config.data.path or "").name == "photos"
    assert (config.data.train_limit, config.data.test_limit, config.training.seed) == (5000, 1000, 3)
    assert config.objective.method == "vicreg"


def test_a_measurement_goes_on_from_what_it_kept(tmp_path: Path) -> None:
    kept, pictures = tmp_path / "results.json", tmp_path / "pictures"
    draw = np.random.default_rng(0)
    for number in range(240):
        file = pictures / f"class {number % 2}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 255, (32, 32, 3), np.uint8)).save(file)
    trial = Trial(epochs=1, path=str(pictures))
    figures = methods.measure(["simsiam"], 1, trial, kept)
    (row,) = json.loads(kept.read_text()).values()
    assert row["epochs"] == 1
    assert figures["SimSiam, kNN, %"] == pytest.approx(100 * row["val/knn_accuracy"][-1])
    before = kept.stat().st_mtime_ns
    assert methods.measure(["simsiam"], 1, trial, kept) == figures
    assert kept.stat().st_mtime_ns == before


def test_a_method_that_is_none() -> None:
    with pytest.raises(ConfigError, match="There is no method moco"):
        methods.measure(["moco"])


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """Kind: a traceback of the training, whose sentence stood in its last line."""
    with pytest.raises(ConfigError, match="nowhere"):
        methods.measure(["simsiam"], 1, Trial(epochs=1, path=str(tmp_path / "nowhere")))
