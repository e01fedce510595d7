"""A network to take away: one zip with an export, its model card, the run's config and the papers behind it."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simsiam_core.config import dump_yaml
from simsiam_core.evaluation.citation import citation
from simsiam_core.evaluation.exporters import EXPORTERS
from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from simsiam_core.data import Progress

CONFIG, PAPERS = "config.yaml", "papers.bib"


@dataclass(frozen=True)
class Package:
    """The zip, and the Python lines that load what is in it; empty if the format has none."""

    path: Path
    usage: str


def package(
    run_path: Path, checkpoint: str, format: str, folder: Path, progress: Progress | None = None
) -> Package:
    """Export a checkpoint and zip it into the new folder `folder`; callable in the worker process.

    Raises RunError, CheckpointError, or ConfigError for a missing format or package.
    """
    from simsiam_core.evaluation.export import export
    from simsiam_core.model import load_encoder

    run = RunDirectory(run_path)
    found, config = run.checkpoint(checkpoint), run.config()
    if progress is not None:
        progress(0.2, "Exporting the network")
    name = package_name(run, checkpoint)
    with tempfile.TemporaryDirectory() as inside:
        content = Path(inside) / name
        content.mkdir()
        exporter = EXPORTERS.get(format) if format in EXPORTERS.names else None
        out = content / (f"{name}{exporter.suffix}" if exporter else name)
        export(run, found, format, out)
        (content / CONFIG).write_text(dump_yaml(config), encoding="utf-8")
        if papers := citation(config):
            (content / PAPERS).write_text(f"{papers}\n", encoding="utf-8")
        if progress is not None:
            progress(0.9, "Packing the files")
        folder.mkdir(parents=True)
        path = folder / f"{name}-{format}.zip"
        _zip(content, path)
    usage = exporter.usage(load_encoder(found.path), out.name) if exporter and exporter.usage else ""
    return Package(path, usage)


def package_name(run: RunDirectory, checkpoint: str) -> str:
    """Return the name of a network's files: what the run is called, what tells it from others, the checkpoint."""
    return f"{run.id[16:]}-{checkpoint.replace('=', '-')}"


def _zip(content: Path, path: Path) -> None:
    """Zip a folder with its own name on top; weights do not get smaller, so nothing is compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(content.rglob("*")):
            archive.write(file, file.relative_to(content.parent))
