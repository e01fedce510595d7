"""Collapse detection in a training process, and when a collapse ends the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simsiam_core.runs.collapse import ADVICE, PATIENCE_STEPS, Collapse, CollapseJudge

__all__ = ["PATIENCE_STEPS", "CollapseWatch"]


class CollapseWatch:
    """Collapse detector that reads every measured step, starting from the record before a resume.

    `advice` is what the training method recommends: the end of the sentence.
    """

    def __init__(self, record: Iterable[Mapping[str, Any]] = (), advice: str = ADVICE) -> None:
        self._judge = CollapseJudge(advice)
        self._judge.observe(record)
        self._judgement = self._judge.judgement
        self._resumed_after = self._judgement.step if self._judgement else 0
        self._told = False

    def observe(self, lines: Iterable[Mapping[str, Any]]) -> bool:
        """Judge metric lines in step order; return whether the run has collapsed or recovered.

        A collapse from before a resume is reported as new.
        """
        self._judge.observe(lines)
        self._judgement = self._judge.judgement
        told, self._told = self._told, self.sentence is not None
        return told != self._told

    @property
    def judgement(self) -> Collapse | None:
        """Judgement at the last step, for the status; None before the first."""
        return self._judgement

    @property
    def sentence(self) -> str | None:
        """Description of the collapse for the user; None if there is none."""
        return self._judgement.sentence if self._judgement else None

    @property
    def lasting_sentence(self) -> str | None:
        """Same as `sentence`, once the collapse has lasted in this process alone: a resumed run may recover."""
        judged = self._judgement
        if judged is None or judged.step - self._resumed_after <= PATIENCE_STEPS:
            return None
        return judged.sentence
