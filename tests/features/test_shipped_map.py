"""The map that comes with the bundled network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tiny import tiny

from simsiam_core.config import DataConfig
from simsiam_core.data.sources import SOURCES
from simsiam_core.features.shipped_map import shipped_map
from simsiam_core.model.bundled import install
from simsiam_core.runs import RunStore, Status


def test_the_bundled_network_comes_with_the_map_of_its_own_weights(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    run = install(store)
    assert run is not None
    coordinates = shipped_map(run)
    assert coordinates is not None, "python -m simsiam_core.features.shipped_map FOLDER"
    assert coordinates.shape == (SOURCES.get("textures").count_train(DataConfig(), 1), 2)
    assert np.isfinite(coordinates).all() and coordinates.std(axis=0).min() > 1
    assert shipped_map(store.create(tiny(), Status())) is None
