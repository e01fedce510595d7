"""What an entry of the registry says of its metric, and what a training step gives to those measured from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Measure = Callable[["StepOutputs"], "Tensor | None"]
Range = tuple[float | None, float | None]  # least and greatest; None where there is no limit
Scale = Literal["linear", "fraction", "log"]  # a fraction is shown in per cent
UNLIMITED: Range = (None, None)


@dataclass(frozen=True)
class StepOutputs:
    """What a training step has computed, without gradients, on the training device.

    Of several processes, `loss` is the mean and `z` holds the rows of all, so that a measurement needs no exchange.
    """

    loss: Tensor  # []
    z: Tensor  # float32 [B, d]: projections of the first view, in the precision of training
    half_features: Tensor | None = None  # [b, dim] that z was made of, where that was in half precision
    project: Callable[[Tensor], Tensor] | None = None  # [b, dim] to [b, d], in fp32

    def fp32_z(self, rows: int) -> Tensor:
        """Projections of at most `rows` images, for metrics that rounding would bend.

        Those of half precision are made again, of this process's images alone.
        """
        if self.half_features is None or self.project is None:
            return self.z[:rows]
        return self.project(self.half_features[:rows])


@dataclass(frozen=True)
class Metric:
    """One metric: how it is named and read, where it is shown, and how training measures it.

    The name is part of the run directory and must never change. The module of the entry is called by it, with
    underscores for slashes: `train/loss` is `train_loss.py`.
    """

    name: str
    title: str
    help: str  # what it is and how to read it, with the paper's section
    order: int  # among the others, everywhere
    unit: str = ""
    scale: Scale = "linear"
    format: str = ".4g"  # of a value in words, without its unit
    bounds: Range = UNLIMITED  # that no value passes
    healthy: Range = UNLIMITED  # outside of which something is wrong
    decimals: int | None = None  # kept in the record; None keeps all

    # Where it is shown.
    key: str = ""  # short name in element ids and tables; a metric with one can be chosen on Runs
    column: str = ""  # heading of its column in the table of runs; no column without
    result: bool = False  # whether its last value tells what a run has reached: Runs sets it against settings
    chart: str = ""  # key of the Monitor chart it is drawn on; the chart is called by its first metric
    note: str = ""  # reading aid above that chart
    axis: Range = UNLIMITED  # of that chart, as far as it does not follow the values
    waiting: str = "Nothing measured yet; the first values come within a few steps."  # on the empty chart
    level: bool = False  # whether it is measured once, and drawn as a line across the chart
    qualifies: str = ""  # name of another metric that it says something about
    phrase: str = ""  # what it says there: "at {:.0f} px"

    # How often it is measured, in words, where other code measures it.
    cadence: str = ""
    # How training measures it; None where other code does. Gives a number on the training device, or None where
    # a step has nothing to measure. Must not wait for the device where it is measured at every step.
    measure: Measure | None = None
    # More than 1 for what is costly: measured by the first process alone, as often as this at most.
    every_steps: int = 1

    def text(self, value: float) -> str:
        """Return a value as a person reads it: `55.3%`, `1,240 images/s`."""
        return f"{value:{self.format}} {self.unit}".rstrip()

    def recorded(self, value: float) -> float:
        """Return a value as it is written into the record."""
        return value if self.decimals is None else round(value, self.decimals)
