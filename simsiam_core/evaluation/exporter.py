"""What an export format is: what of a checkpoint it holds, what it needs, and how it is written."""

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
    """One export format. Its function imports torch and other heavy packages itself, when it is called."""

    title: str
    help: str  # what is written and whom it is for, in a few words
    suffix: str = ""  # of the file, such as ".onnx"; "" for a folder
    packages: tuple[str, ...] = ()  # needed beside those that training needs, by the names that pip knows
    order: int = 100  # its place among the formats, lowest first; equal ones stand by name


@dataclass(frozen=True, kw_only=True)
class BackboneExporter(Exporter):
    """Writes the backbone: float32 [B, 3, S, S], normalised, to float32 [B, dim], not yet l2-normalised."""

    write: Callable[[Encoder, BinaryIO], None]


@dataclass(frozen=True)
class FeatureTable:
    """The l2-normalised features of a split, [N, dim], with the ids and class names of its images."""

    ids: tuple[str, ...]
    labels: list[str] | None  # None where nobody labelled the images
    features: np.ndarray


@dataclass(frozen=True, kw_only=True)
class FeaturesExporter(Exporter):
    """Writes the features of a split."""

    write: Callable[[FeatureTable, BinaryIO], None]


@dataclass(frozen=True, kw_only=True)
class FolderExporter(Exporter):
    """Writes a folder made of the whole run, told the name of the source it is said to be trained on."""

    write: Callable[[RunDirectory, Path, str], None]
