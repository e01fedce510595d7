"""Where a run's epochs are counted from: anew after a fork onto other images, whose epochs have other lengths."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from simsiam_core.runs.files import write_text


@dataclass(frozen=True)
class Origin:
    """At optimiser step `step`, `epoch` epochs were complete; from there on every epoch has equally many steps."""

    step: int = 0
    epoch: int = 0

    def total_steps(self, per_epoch: int, epochs: int) -> int:
        """Return steps of a run of `epochs` epochs in all."""
        return self.step + per_epoch * (epochs - self.epoch)

    def per_epoch(self, total_steps: int, epochs: int) -> float:
        """Return steps of an epoch, the other way around; 0 where no step is known."""
        return max(0.0, (total_steps - self.step) / max(1, epochs - self.epoch))

    def epochs_at(self, step: int, per_epoch: float) -> float:
        """Return epochs trained at a step; before the origin, where epochs had another length, in proportion."""
        if step < self.step:
            return self.epoch * step / self.step
        return self.epoch + (step - self.step) / per_epoch if per_epoch else float(self.epoch)


FIRST_STEP = Origin()


def read_origin(path: Path) -> Origin | None:
    """Read `origin.json`; None where there is none. Raises ValueError for a damaged one."""
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
