"""The bundled network's map of its textures, so that the first look inside needs no UMAP.

`assets/bundled/map.npz` holds the coordinates of all training textures under the default settings, with the hash of
the weights that they belong to. `python -m simsiam_core.features.shipped_map FOLDER` draws it anew.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path

import numpy as np

from simsiam_core.assets import asset_path
from simsiam_core.runs import BUNDLED, RunDirectory, RunStore

FILE = asset_path("bundled", "map.npz")
WEIGHTS = asset_path("bundled", "backbone.safetensors")


def shipped_map(run: RunDirectory) -> np.ndarray | None:
    """The coordinates, float32 [N, 2], if the run is the bundled one and they belong to its weights."""
    if run.id != BUNDLED:
        return None
    stored = _stored()
    return stored[1] if stored is not None and stored[0] == weights_hash() else None


def weights_hash() -> str:
    """Of the bundled weights."""
    return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


@cache
def _stored() -> tuple[str, np.ndarray] | None:
    try:
        with np.load(FILE, allow_pickle=False) as stored:
            return str(stored["weights"]), stored["coordinates"].astype(np.float32)
    except (OSError, KeyError, ValueError):
        return None


def draw(folder: Path) -> Path:
    """Draw it in a folder of runs that is thrown away afterwards; returns the file."""
    from simsiam_core.features.map_settings import MapSettings
    from simsiam_core.features.maps import draw_map
    from simsiam_core.model.bundled import install

    FILE.unlink(missing_ok=True)
    run = install(RunStore(folder))
    assert run is not None, "the folder is empty"
    drawn = draw_map(run.path, run.checkpoints()[0].name, MapSettings(reproducible=True))
    np.savez_compressed(FILE, weights=weights_hash(), coordinates=drawn.coordinates.astype(np.float16))
    return FILE


if __name__ == "__main__":
    print(draw(Path(sys.argv[1])))
