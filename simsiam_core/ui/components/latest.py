"""Only the answer to the newest question is shown: a late answer to an earlier one is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simsiam_core.ui.context import QUIET

# Of an event that asks: it is asked at once, while an earlier one is still being answered.
ASKING: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
Updates = dict[Any, Any]  # by component
OVERTAKEN = 0  # the number of a question that was asked before the newest one


class Latest:
    """The number of the newest question of one panel of one page.

    Lives in a `gr.State`, of which every event of that page is given the same object. All that answer into the same
    components share one.
    """

    def __init__(self) -> None:
        self._newest, self._at = 0, 0.0

    def begin(self, at: float | None = None) -> int:
        """Number a question; `at`: when it was asked, by the page's clock, if the script that asked says so.

        Of two requests that a page sends shortly after another, a busy server may read the second one first.
        """
        if at is not None and at < self._at:
            return OVERTAKEN
        self._newest, self._at = self._newest + 1, self._at if at is None else at
        return self._newest

    def is_newest(self, number: int) -> bool:
        """Return whether no newer question was asked."""
        return number == self._newest

    def only(
        self, answers: Iterator[Updates], nothing: Updates, at: float | None = None
    ) -> Iterator[Updates]:
        """Number a question, and yield its answers for as long as no newer one was asked.

        What is dropped ends with `nothing`, updates that change nothing: gradio empties what no word was said of.
        """
        number = self.begin(at)
        for answer in answers:
            if not self.is_newest(number):
                yield nothing
                return
            yield answer
