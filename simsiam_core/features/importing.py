"""Importing foreign networks for the page: what is understood of files, and making a run of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsiam_core.config.sections.network import RESNET_FAMILY, backbone_family
from simsiam_core.data import Progress
from simsiam_core.model.checkpoint import CheckpointError
from simsiam_core.model.foreign.identification import title
from simsiam_core.model.foreign.installing import install
from simsiam_core.model.foreign.pretrained import import_pretrained
from simsiam_core.model.foreign.report import Report, report
from simsiam_core.model.foreign.understanding import AmbiguousNetworkError, Wishes, understand
from simsiam_core.runs import RunStore
from simsiam_core.runs.archive import is_archive, missing_images, restore_archive

RESTORED = "It is an archive of a run, and comes back whole."


@dataclass(frozen=True)
class Looked:
    """What was understood of files, or why they cannot be imported as they are."""

    report: Report | None
    problem: str = ""  # a sentence; empty: they can be imported
    choices: tuple[tuple[str, str], ...] = ()  # equal fits: titles, and names as `wishes` takes them
    note: str = ""


def look(paths: Sequence[Path], wishes: Mapping[str, Any], progress: Progress | None = None) -> Looked:
    """Understand files without importing them; `wishes` are those of `Wishes`, by name."""
    if len(paths) == 1 and is_archive(paths[0]):
        return Looked(None, note=RESTORED)
    try:
        return Looked(report(understand(paths, Wishes(**wishes), progress)))
    except AmbiguousNetworkError as error:
        choices = tuple((title(model), choice(model.backbone, model.stem)) for model in error.choices)
        return Looked(None, error.sentence, choices)
    except CheckpointError as error:
        return Looked(None, str(error))


def bring(
    store: Path, paths: Sequence[Path], wishes: Mapping[str, Any], name: str, progress: Progress | None = None
) -> tuple[str, str]:
    """Import files, or restore an archive; returns the run's id and a note on it.

    Raises CheckpointError, ConfigError or RunError.
    """
    if len(paths) == 1 and is_archive(paths[0]):
        run = restore_archive(paths[0], RunStore(store), *([progress] if progress else []))
        return run.id, missing_images(run)
    return install(RunStore(store), understand(paths, Wishes(**wishes), progress), name).id, ""


def bring_pretrained(store: Path, progress: Progress | None = None) -> tuple[str, str]:
    """Import the network of the extra `pretrained` once; returns the run's id and an empty note.

    Raises ConfigError where it is not installed, CheckpointError or RunError.
    """
    return import_pretrained(RunStore(store), progress).id, ""


def choice(backbone: str, stem: str) -> str:
    """Return the name of a network as a box shows it: with the stem, where it has one."""
    return f"{backbone}, stem {stem}" if backbone_family(backbone) == RESNET_FAMILY else backbone
