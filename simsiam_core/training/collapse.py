"""Collapse, watched and said in words: the loss cannot tell, the spread of the representation can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simsiam_core.jobs.notify import COLLAPSED_STD

PATIENCE_STEPS = 20  # so many steps in a row, before it is said; a single odd batch is no collapse


class CollapseWatch:
    """Follows `representation/std` step by step."""

    def __init__(self) -> None:
        self._since: int | None = None
        self._std = 1.0
        self._last = 0

    def observe(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Take in metric lines in the order of their steps; those without a std are passed over."""
        for line in lines:
            if "representation/std" not in line:
                continue
            self._std, self._last = line["representation/std"], line["step"]
            if self._std >= COLLAPSED_STD:
                self._since = None
            elif self._since is None:
                self._since = line["step"]

    @property
    def sentence(self) -> str | None:
        """What is wrong, in words; None while nothing is."""
        if self._since is None or self._last - self._since < PATIENCE_STEPS:
            return None
        return (
            f"Collapse: per-dimension std is {self._std:.0%} of a healthy value since step {self._since}; "
            "loss near −1 is not success. Check that stop-gradient and predictor are on, "
            "and try a lower learning rate."
        )
