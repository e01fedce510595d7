"""Finding the checkpoint to resume from, and writing checkpoints."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import TorchCheckpointIO

from simsiam_core.model.checkpoint import RECIPE, CheckpointError, read_checkpoint
from simsiam_core.runs import RunDirectory


@dataclass(frozen=True)
class FoundCheckpoint:
    """Readable checkpoint: its name, path, step and epoch."""

    name: str
    path: Path
    step: int
    epoch: int
    recipe: Mapping[str, Any]  # what the checkpoint holds in addition to its weights


def newest(run: RunDirectory) -> FoundCheckpoint | None:
    """Find the readable checkpoint with the most steps; a damaged one is skipped for the one before it.

    Ordered by the step stored inside: modification times change when a run is copied or touched.
    """
    headers = [(checkpoint.header(), checkpoint) for checkpoint in run.checkpoints()]
    headers.sort(key=lambda pair: pair[0].step if pair[0] else -1, reverse=True)
    for _, checkpoint in headers:
        try:
            content = read_checkpoint(checkpoint.path)
            recipe = content[RECIPE]
            step, epoch = int(content["global_step"]), int(recipe["epochs_done"])
            return FoundCheckpoint(checkpoint.name, checkpoint.path, step, epoch, recipe)
        except (CheckpointError, KeyError, TypeError, ValueError):
            print(f"Passed over {checkpoint.name}: it cannot be read.", flush=True)
    return None


class WholeCheckpointIO(TorchCheckpointIO):
    """Checkpoint IO that writes each file with a single call, directly to its destination.

    Lightning's own goes through the system's temporary folder, which may be on another, smaller disk; and the
    error that torch raises for a full disk cannot be distinguished from a bug.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the checkpoint to `path`. Raises OSError."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        Path(path).write_bytes(buffer.getbuffer())
