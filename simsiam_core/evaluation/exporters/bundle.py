"""Bundle: a run in the form in which runs are shipped with the program, a folder like assets/bundled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simsiam_core.evaluation.exporter import FolderExporter

if TYPE_CHECKING:
    from simsiam_core.runs import RunDirectory


def _write(run: RunDirectory, folder: Path, trained_on: str) -> None:
    from simsiam_core.model.bundled import pack

    pack(run, folder, trained_on)


ENTRY = FolderExporter(
    title="Bundle",
    help="a folder like assets/bundled, of the last checkpoint",
    packages=("safetensors",),
    write=_write,
    order=70,
)
