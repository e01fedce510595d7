"""Installing what was understood of foreign files as a finished, read-only run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from simsiam_core.config import Config, parse
from simsiam_core.model.checkpoint import BACKBONE_PREFIX, RECIPE, recipe
from simsiam_core.model.foreign.report import report
from simsiam_core.model.foreign.understanding import Understanding
from simsiam_core.runs import Notes, RunDirectory, RunError, RunStore, Status
from simsiam_core.runs.imported import write_import

LONGEST_NAME = 40  # letters of a run's name

LARGE = 96  # px; of larger images a quarter of the textures is used, or the first look would take minutes
FEW_TEXTURES = {"train_limit": 1000, "test_limit": 250}


def install(
    store: RunStore,
    found: Sequence[Understanding],
    name: str = "",
    data: dict[str, Any] | None = None,
    *,
    licence: str = "",
) -> RunDirectory:
    """Write files that were understood as one run with a checkpoint each; returns the run.

    `data` are settings of the images that the run shows, `textures` by default; `licence` is that of the
    weights. The run appears whole or not at all. Raises ConfigError for invalid settings, and RunError if the
    folder of runs cannot be written.
    """
    config = _config(found, name, data or {})
    epochs = _epochs(found)
    try:
        store.path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=store.path, prefix=".importing-", ignore_cleanup_errors=True
        ) as folder:
            run = _write(RunStore(Path(folder)), found, config, epochs, licence)
            run.path.rename(store.path / run.id)  # atomic: the scheduler never sees a partial run
    except OSError as error:
        raise RunError(f"Cannot write to the runs folder {store.path}: {error.strerror or error}.") from None
    return RunDirectory(store.path / run.id)


def _write(
    store: RunStore, found: Sequence[Understanding], config: Config, epochs: Sequence[int], licence: str
) -> RunDirectory:
    now = time.time()
    last = epochs[-1]
    status = Status(
        state="finished", step=last, total_steps=last, epoch=last, started=now, ended=now, exit_code=0
    )
    run = store.create(config, status, _notes(found))
    stated = {"licence": licence} if licence else {}
    for each, epoch in zip(found, epochs, strict=True):
        content = {
            "state_dict": {BACKBONE_PREFIX + key: value for key, value in each.match.weights.items()},
            "global_step": epoch,
            RECIPE: recipe(config, each.images.mean, each.images.std, (), epoch) | stated,
        }
        target = run.checkpoints_dir / f"epoch={epoch:04d}.ckpt"
        torch.save(content, target)
    (run.checkpoints_dir / "last.ckpt").symlink_to(target.name)
    write_import(run.path, report(found).as_dict())
    return run


def _config(found: Sequence[Understanding], name: str, data: dict[str, Any]) -> Config:
    first = found[0]
    size = first.images.image_size
    few = FEW_TEXTURES if size > LARGE and data.get("source", "textures") == "textures" else {}
    return parse(
        {
            "name": name or Path(first.file.name).stem[:LONGEST_NAME],
            "data": {**few, **data, "image_size": size},
            "model": first.model.model_dump(),
            "training": {"epochs": max(1, *_epochs(found))},
        }
    )


def _epochs(found: Sequence[Understanding]) -> list[int]:
    """Return the epochs that the files tell, or their places if they tell none or the same."""
    told = [each.epoch for each in found]
    if None in told or len(set(told)) < len(told):
        return list(range(1, len(found) + 1))
    return [epoch for epoch in told if epoch is not None]


def _notes(found: Sequence[Understanding]) -> Notes:
    """Return notes that say where the weights are from and how they were understood."""
    described = report(found)
    lines = [f"{heading}: {sentence}." for heading, sentence in described.lines()]
    lines += [f"{file.name}: sha256 {file.sha256}." for file in described.files]
    return Notes(tags=("imported",), text="\n".join(lines))
