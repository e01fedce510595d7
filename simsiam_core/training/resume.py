"""Going on from a checkpoint: which one, and how it is written."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import TorchCheckpointIO

from simsiam_core.model.checkpoint import RECIPE, CheckpointError, read_checkpoint
from simsiam_core.runs import RunDirectory


@dataclass(frozen=True)
class Found:
    """A checkpoint that can be read: its name, and how far training had come."""

    name: str
    path: Path
    step: int
    epoch: int


def newest(run: RunDirectory) -> Found | None:
    """The checkpoint of the most steps that can be read; a damaged one is passed over for the one before it.

    By the step inside: names repeat (`last`), and a file's time changes when a run is copied or touched.
    """
    found = []
    for checkpoint in run.checkpoints():
        try:
            content = read_checkpoint(checkpoint.path, mapped=True)
            step, epoch = int(content["global_step"]), int(content[RECIPE]["epochs_done"])
            found.append(Found(checkpoint.name, checkpoint.path, step, epoch))
        except (CheckpointError, KeyError, TypeError, ValueError):
            print(f"Passed over {checkpoint.name}: it cannot be read.", flush=True)
    return max(found, key=lambda checkpoint: checkpoint.step, default=None)


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint with a single call to where it belongs.

    Lightning's own goes by the system's temporary folder, which may be on another, smaller disk; and torch
    tells of a full disk in no way that can be told from a bug.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Raises OSError."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        Path(path).write_bytes(buffer.getbuffer())
