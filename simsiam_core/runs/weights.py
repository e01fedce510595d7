"""Weights to start from, as `model.weights` names them: found and compared with the backbone, not yet read.

Training copies the weights into the run's first checkpoint; its recipe says where they came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simsiam_core.config import Config, ConfigError, ModelConfig, parse
from simsiam_core.config.sections.network import (
    PRETRAINED,
    RESNET_FAMILY,
    backbone_family,
    run_reference,
)
from simsiam_core.names import located, printable
from simsiam_core.runs.directory import RunDirectory, RunError
from simsiam_core.runs.header import Header, read_header
from simsiam_core.runs.store import RunStore

WEIGHTS_SOURCE = "weights_source"  # key of a checkpoint's recipe
_SETTINGS = {"backbone": "Backbone", "stem": "Stem", "width": "Width"}  # those that determine a backbone


def check_weights(config: Config, store: RunStore) -> None:
    """Check that what `model.weights` names exists and fits the backbone, as far as headers tell.

    Raises ConfigError at `model.weights`.
    """
    weights, backbone = config.model.weights, config.model.backbone
    if weights == PRETRAINED and backbone_family(backbone) != "timm":
        raise ConfigError.at(
            "model.weights",
            f"Published weights are those of timm's networks, and Backbone is {backbone}; choose one of timm's, such "
            "as timm:resnet18, or give a file or a run's checkpoint.",
        )
    if weights and weights != PRETRAINED:
        weights_file(config, store)


def weights_file(config: Config, store: RunStore) -> tuple[Path, str, Header | None]:
    """Return the file that `model.weights` names, a name for it, and its header if it is a checkpoint of a run.

    Ids are those of the runs in `store`. Raises ConfigError at `model.weights`.
    """
    weights = config.model.weights
    try:
        if (reference := run_reference(weights)) and not Path(weights).is_file():
            run = store.find(reference.run)
            checkpoint = run.checkpoint(reference.checkpoint)
            path, name = checkpoint.path, f"{checkpoint.name} of run {run.id}"
            if (header := checkpoint.header()) is None:
                raise RunError(f"Checkpoint {name} cannot be read; choose another one.")
        else:
            path = located(weights)
            name, header = printable(path.name), read_header(path)
            if not path.is_file():
                raise RunError(_no_file(path))
    except (RunError, ValueError) as error:
        raise ConfigError.at("model.weights", str(error)) from None
    if header is not None:
        _check_backbone(config.model, header, name)
    return path, name, header


def _no_file(path: Path) -> str:
    shown = printable(str(path))
    if (path / "config.yaml").is_file():
        return f"{shown} is a run; write {shown}:last for its newest checkpoint."
    if path.is_dir():
        return f"{shown} is a folder; give the file of weights in it."
    return f"There is no file {shown}; give a file of weights, a run's checkpoint such as RUN:last, or {PRETRAINED}."


def _check_backbone(model: ModelConfig, header: Header, name: str) -> None:
    """Raise ConfigError if the checkpoint is of another backbone, with the settings to give."""
    try:
        theirs = parse(header.recipe["config"], stored=True).model
    except (KeyError, TypeError, ConfigError):
        raise ConfigError.at(
            "model.weights", f"Checkpoint {name} does not say which network it holds; choose another one."
        ) from None
    settings = [each for each in _settings(theirs) if getattr(theirs, each) != getattr(model, each)]
    if settings:
        ours, other = described_backbone(model), described_backbone(theirs)
        advice = ", ".join(f"{_SETTINGS[each]} to {getattr(theirs, each)}" for each in settings)
        flags = " ".join(f"--{each} {getattr(theirs, each)}" for each in settings)
        raise ConfigError.at(
            "model.weights",
            f"Checkpoint {name} has the backbone {other}, and this run {ours}; set {advice} ({flags}).",
        )


def _settings(model: ModelConfig) -> tuple[str, ...]:
    return tuple(_SETTINGS) if backbone_family(model.backbone) == RESNET_FAMILY else ("backbone",)


def described_backbone(model: ModelConfig) -> str:
    """Return a backbone in words: its name, with stem and width where these are settings of it."""
    if backbone_family(model.backbone) != RESNET_FAMILY:
        return model.backbone
    return f"{model.backbone} with stem {model.stem} and width {model.width}"


def weights_source(run: RunDirectory) -> Mapping[str, Any] | None:
    """Return where the weights came from that a run started from, as its first checkpoint says.

    None for random weights. The key `from` is a text, `sha256` that of the file; there may be `mean` and `std`
    of its normalisation, and `licence`.
    """
    for checkpoint in run.checkpoints()[:1]:
        header = checkpoint.header()
        source = header.recipe.get(WEIGHTS_SOURCE) if header else None
        return source if isinstance(source, Mapping) else None
    return None


def source_in_words(source: Mapping[str, Any]) -> str:
    """Return where weights came from, in words."""
    return f"{source.get('from', '?')} (sha256 {str(source.get('sha256', '?'))[:12]}…)"
