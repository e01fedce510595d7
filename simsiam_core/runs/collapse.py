"""Collapse detection from the standard deviation of the representation; the loss does not show it.

The training process records the result in `status.json` as it measures. Runs of earlier versions have no such
record: for them `CollapseReader` applies the same judge to their metrics.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from simsiam_core.metrics.representation_std import COLLAPSED_STD, REPRESENTATION_STD

PATIENCE_STEPS = 20  # consecutive steps before it is reported; a single unusual batch is no collapse
# The end of the sentence for SimSiam, the only method of versions that recorded none.
ADVICE = "loss near −1 is not success. Check that stop-gradient and predictor are on, and try a lower learning rate."
Step = Annotated[int, Field(ge=0, le=2**53)]


class Collapse(BaseModel):
    """The collapse state of a run up to a step: `collapse` in `status.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    since: Step | None = (
        None  # first of the consecutive steps with too low a std; None if the last step is fine
    )
    step: Step = 0  # last step observed
    std: Annotated[float, Field(allow_inf_nan=False)] = 1.0  # at that step
    advice: str = ADVICE  # of the training method: how the sentence ends

    @property
    def collapsed(self) -> bool:
        """Whether the std has been too low for `PATIENCE_STEPS`."""
        return self.since is not None and self.step - self.since >= PATIENCE_STEPS

    @property
    def sentence(self) -> str | None:
        """The warning with advice; None without collapse."""
        if not self.collapsed:
            return None
        return (
            f"Collapse: per-dimension std is {self.std:.0%} of a healthy value since step {self.since}; "
            f"{self.advice}"
        )

    @property
    def news(self) -> str:
        """The text of the notification of a collapse, which follows the run's name."""
        return f"looks collapsed: its representation std fell to {self.std:.2f}."


class CollapseJudge:
    """A collapse detector fed with `representation/std` step by step; `advice` goes into its judgements."""

    def __init__(self, advice: str = ADVICE) -> None:
        self._advice = advice
        self._since: int | None = None
        self._step: int | None = None
        self._std = 1.0

    def observe(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Process metric lines in step order; lines without a finite std are skipped."""
        for line in lines:
            std = line.get(REPRESENTATION_STD)
            if std is None or not math.isfinite(std):
                continue
            self._std, self._step = std, line["step"]
            if std >= COLLAPSED_STD:
                self._since = None
            elif self._since is None:
                self._since = self._step

    @property
    def judgement(self) -> Collapse | None:
        """The state at the last step observed; None before the first."""
        if self._step is None:
            return None
        return Collapse(since=self._since, step=self._step, std=float(self._std), advice=self._advice)
