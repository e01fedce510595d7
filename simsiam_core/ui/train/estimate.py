"""How long a config will take here and what memory it needs, in plain words, beside the form."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simsiam_core.config import Config
from simsiam_core.features.worker import InspectionWorker, WorkError
from simsiam_core.ui.text import rate

if TYPE_CHECKING:
    from simsiam_core.training.estimate import Estimate


@dataclass(frozen=True)
class Expectation:
    """What to expect of a run: a sentence as HTML, and its figures in short, such as `about 4 min · 1.1 GB`."""

    row: str = ""
    figures: str = ""


def expectation(
    worker: InspectionWorker, config: Config, taken: tuple[str, ...] = ()
) -> Iterator[Expectation]:
    """Yield that a few steps are being timed, then what to expect; an error is told on Start.

    `taken` are the ids of GPUs in which jobs run: no step is timed there.
    """
    from simsiam_core.training import estimate  # brings torch, which the page must not wait for

    task = worker.submit(estimate.predict, config.model_dump(), taken)
    if not task.done:
        yield Expectation(_row("Timing a few steps …"))
    try:
        found = task.result()
    except WorkError:
        yield Expectation(_row("Cannot be told; the settings or the machine's memory do not allow a trial."))
        return
    yield Expectation(_row(_in_words(found, config.training.batch_size)), _in_short(found))


def _in_short(found: Estimate) -> str:
    if found.fits is not None:
        return ""
    took = [f"about {_short_time(found.seconds)}"] if found.seconds is not None else []
    return " · ".join([*took, memory(found.memory_bytes)])


def _short_time(seconds: float) -> str:
    """`40 s`, `4 min`, `3.5 h`, `12 d`."""
    number, _, unit = spoken(seconds).partition(" ")
    return f"{number} {'min' if unit == 'minutes' else unit[0]}"


def _in_words(found: Estimate, batch: int) -> str:
    several = found.devices > 1
    place = f"{found.devices} {found.device}s" if several else f"this {found.device}"
    whose = "the memory of each" if several else "its memory"
    needs = f"needs about {memory(found.memory_bytes)} of {whose}"
    if found.fits is not None:
        instead = f"about {found.fits} would" if found.fits else "no batch size would"
        return f"Batch size {batch} does not fit into the memory of {place}; {instead}."
    if found.images_per_second is None:
        return f"{needs}; its pace is measured when the GPU is free, which is at work now."
    when = f"measured just now{' on one' if several else ''}"
    if not found.alone:
        when = "measured while something else kept it busy; alone it is faster"
    speed = f"{rate(found.images_per_second)} on {place}, {when}"
    took = f"about {spoken(found.seconds)} on {place}; " if found.seconds is not None else ""
    return f"{took}{needs} ({speed})"


def spoken(seconds: float) -> str:
    """`40 seconds`, `21 minutes`, `3.5 hours`, `12 days`: no more precise than a prediction is."""
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} seconds"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} minutes"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 86_400:.0f} days"


def memory(size: float) -> str:
    """`600 MB`, `3.1 GB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _row(text: str) -> str:
    return f'<dl class="summary"><dt>Expect</dt><dd>{html.escape(text)}</dd></dl>'
