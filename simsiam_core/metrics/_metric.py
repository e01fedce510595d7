"""Entry of the metrics registry, and the outputs of a training step from which metrics are measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Measure = Callable[["StepOutputs"], "Tensor | None"]
Range = tuple[float | None, float | None]  # minimum and maximum; None for no limit
Scale = Literal["linear", "fraction", "log"]  # a fraction is shown in per cent
UNLIMITED: Range = (None, None)


@dataclass(frozen=True)
class StepOutputs:
    """Results of a training step, without gradients, on the training device.

    With several processes, `loss` is the mean and `z` holds the rows of all, so that a measurement needs no
    exchange.
    """

    loss: Tensor  # []
    z: Tensor  # float32 [B, d]: projections of the first view, in the precision of training
    half_features: Tensor | None = None  # [b, dim] from which z was computed, if in half precision
    features: Tensor | None = None  # [b, dim] of the first view, of this process's images
    project: Callable[[Tensor], Tensor] | None = None  # [b, dim] to [b, d], in fp32

    def fp32_z(self, rows: int) -> Tensor:
        """Return the projections of at most `rows` images, for metrics that are sensitive to rounding.

        If they are in half precision, they are computed again in fp32, for this process's images only.
        """
        if self.half_features is None or self.project is None:
            return self.z[:rows]
        return self.project(self.half_features[:rows])


@dataclass(frozen=True)
class Metric:
    """Metric: its name and explanation, where it is shown, and how training measures it.

    The name is part of the run directory format and must never change. The entry's module is named after it,
    with underscores for slashes: `train/loss` is `train_loss.py`.
    """

    name: str
    title: str
    help: str  # what it is and how to read it, with the section of the paper
    order: int  # display position, lowest first
    unit: str = ""
    scale: Scale = "linear"
    format: str = ".4g"  # of a value shown as text, without its unit
    bounds: Range = UNLIMITED  # range of possible values
    healthy: Range = UNLIMITED  # range outside of which something is wrong
    decimals: int | None = None  # stored in the record; None stores all

    # Where it is shown.
    key: str = ""  # short name in element ids and tables; with it a chart may be called after the metric
    column: str = ""  # heading of its column in the table of runs; empty for no column
    result: bool = False  # whether its last value is a result of the run, which Runs shows against settings
    chart: str = ""  # key of the chart on Runs it is drawn on; the chart is titled after its first metric
    note: str = ""  # hint shown above that chart
    axis: Range = UNLIMITED  # fixed limits of that chart; None follows the values
    waiting: str = "Nothing measured yet; the first values come within a few steps."  # on the empty chart
    smoothed: bool = True  # whether Runs may smooth its curve; not the few values of an evaluation
    level: bool = False  # whether it is measured once and drawn as a horizontal line
    qualifies: str = ""  # name of another metric that it qualifies
    phrase: str = ""  # text appended there: "at {:.0f} px"

    # How often it is measured, in words, if other code measures it.
    cadence: str = ""
    # How training measures it; None if other code does. Returns a number on the training device, or None if a
    # step has nothing to measure. Must not wait for the device if it is measured at every step.
    measure: Measure | None = None
    # More than 1 for expensive metrics, which only the first process measures, at most this often.
    every_steps: int = 1

    def text(self, value: float) -> str:
        """Return a value as text with its unit: `55.3%`, `1,240 images/s`."""
        return f"{value:{self.format}} {self.unit}".rstrip()

    def recorded(self, value: float) -> float:
        """Return a value rounded as in the record."""
        return value if self.decimals is None else round(value, self.decimals)
