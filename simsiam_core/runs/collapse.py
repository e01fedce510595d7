"""Collapse, judged by the spread of the representation; the loss cannot tell.

The training process judges while it measures and records the judgement in `status.json`. Runs of earlier versions
have none: for them `CollapseReader` has the same judge read their metrics.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from simsiam_core.metrics.representation_std import COLLAPSED_STD, REPRESENTATION_STD

PATIENCE_STEPS = 20  # so many steps in a row, before it is said; a single odd batch is no collapse
Step = Annotated[int, Field(ge=0, le=2**53)]


class Collapse(BaseModel):
    """What was judged of a run, up to a step: `collapse` in `status.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    since: Step | None = (
        None  # the first of the steps in a row whose std is too low; None if the last one's is not
    )
    step: Step = 0  # the last step that was judged
    std: Annotated[float, Field(allow_inf_nan=False)] = 1.0  # at that step

    @property
    def collapsed(self) -> bool:
        """Whether the std has been too low for long enough to say so."""
        return self.since is not None and self.step - self.since >= PATIENCE_STEPS

    @property
    def sentence(self) -> str | None:
        """What is wrong and what to do; None while nothing is."""
        if not self.collapsed:
            return None
        return (
            f"Collapse: per-dimension std is {self.std:.0%} of a healthy value since step {self.since}; "
            "loss near −1 is not success. Check that stop-gradient and predictor are on, "
            "and try a lower learning rate."
        )

    @property
    def news(self) -> str:
        """What is told of a run at the moment it is found collapsed, after its name."""
        return f"looks collapsed: its representation std fell to {self.std:.2f}."


class CollapseJudge:
    """Follows `representation/std` step by step."""

    def __init__(self) -> None:
        self._since: int | None = None
        self._step: int | None = None
        self._std = 1.0

    def observe(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Take in metric lines in the order of their steps; those without a finite std are passed over."""
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
        """As of the last step observed; None before there was one."""
        if self._step is None:
            return None
        return Collapse(since=self._since, step=self._step, std=float(self._std))
