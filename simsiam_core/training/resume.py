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
    """The newest checkpoint that can be read; a damaged one is passed over for the one before it."""
    for checkpoint in sorted(run.checkpoints(), key=lambda c: c.path.stat().st_mtime_ns, reverse=True):
        try:
            content = read_checkpoint(checkpoint.path)
            return Found(
                checkpoint.name,
                checkpoint.path,
                int(content["global_step"]),
                int(content[RECIPE]["epochs_done"]),
            )
        except (CheckpointError, KeyError, TypeError, ValueError):
            print(f"Passed over {checkpoint.name}: it cannot be read.", flush=True)
    return None


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
