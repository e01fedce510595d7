"""The origin of a run's epoch count: moves when a fork continues with other images and epoch lengths."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from simsiam_core.runs.files import write_text


@dataclass(frozen=True)
class Origin:
    """The epoch count's origin: `epoch` epochs complete at optimiser step `step`; later ones equally long."""

    step: int = 0
    epoch: int = 0

    def total_steps(self, per_epoch: int, epochs: int) -> int:
        """Return the steps of a run of `epochs` epochs in total."""
        return self.step + per_epoch * (epochs - self.epoch)

    def per_epoch(self, total_steps: int, epochs: int) -> float:
        """Return the steps per epoch, the inverse of `total_steps`; 0 where no step is known."""
        return max(0.0, (total_steps - self.step) / max(1, epochs - self.epoch))

    def epochs_at(self, step: int, per_epoch: float) -> float:
        """Return the epochs trained at a step; interpolated before the origin, where epoch lengths differ."""
        if step < self.step:
            return self.epoch * step / self.step
        return self.epoch + (step - self.step) / per_epoch if per_epoch else float(self.epoch)


FIRST_STEP = Origin()


def read_origin(path: Path) -> Origin | None:
    """Read `origin.json`; None if it does not exist. Raises ValueError if it is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return Origin(int(value["step"]), int(value["epoch"]))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from None


def write_origin(path: Path, origin: Origin) -> None:
    """Replace `origin.json`."""
    write_text(path, json.dumps(asdict(origin)))
