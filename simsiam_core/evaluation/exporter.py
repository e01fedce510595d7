"""Interface of an export format: what it holds of a checkpoint, what it needs, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np

    from simsiam_core.model import Encoder
    from simsiam_core.runs import RunDirectory


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """Export format. Its function imports torch and other heavy packages only when it is called."""

    title: str
    help: str  # what is written and for whom, in a few words
    suffix: str = ""  # of the file, such as ".onnx"; "" for a folder
    packages: tuple[str, ...] = ()  # needed in addition to those of training, by their pip names
    order: int = 100  # position among the formats, lowest first; ties are sorted by name
    library: str = "pytorch"  # of the model card, in the Hub's spelling
    # Returns the Python lines of the model card that load the file of that name.
    usage: Callable[[Encoder, str], str] | None = None


@dataclass(frozen=True, kw_only=True)
class BackboneExporter(Exporter):
    """Exporter of the backbone: maps normalised float32 [B, 3, S, S] to float32 [B, dim], not l2-normalised."""

    write: Callable[[Encoder, BinaryIO], None]


@dataclass(frozen=True, kw_only=True)
class BackboneFolderExporter(Exporter):
    """Exporter of the backbone to a folder of several files, which exists when it is called."""

    write: Callable[[Encoder, Path], None]


@dataclass(frozen=True)
class FeatureTable:
    """Table of a split's l2-normalised features, [N, dim], with the ids and class names of its images."""

    ids: tuple[str, ...]
    labels: list[str] | None  # None if the images have no labels
    features: np.ndarray


@dataclass(frozen=True, kw_only=True)
class FeaturesExporter(Exporter):
    """Exporter of the features of a split."""

    write: Callable[[FeatureTable, BinaryIO], None]


@dataclass(frozen=True, kw_only=True)
class FolderExporter(Exporter):
    """Exporter of the whole run to a folder; the last argument names the source of its training images."""

    write: Callable[[RunDirectory, Path, str], None]
