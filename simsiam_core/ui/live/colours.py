"""The colour of each run, the same on every chart and in every list of this folder."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable

from simsiam_core.ui.theme import SERIES_COLOURS

RUN_COLOURS = (*SERIES_COLOURS, "#64748b", "#e77fa3", "#5b6fd6", "#b8860b")
APART = 7  # runs begun one after another, as in a sweep, among which no two have the same colour


def run_colours(ids: Iterable[str]) -> dict[str, str]:
    """Return colours by run id.

    The id decides, except where one of the `APART - 1` runs begun before has that colour: then the next one that is
    free. So a run keeps its colour whatever is chosen or begun after it.
    """
    colours: dict[str, str] = {}
    before: deque[int] = deque(maxlen=APART - 1)
    for run_id in sorted(ids):
        place = hashlib.blake2s(run_id.encode(), digest_size=4).digest()[0] % len(RUN_COLOURS)
        while place in before:
            place = (place + 1) % len(RUN_COLOURS)
        before.append(place)
        colours[run_id] = RUN_COLOURS[place]
    return colours
