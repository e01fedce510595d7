"""What every tab shares. Nothing in here is state that matters: that is in the run directories."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.features.worker import InspectionWorker, Task
from simsiam_core.jobs import Notifier, Scheduler
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.ui.backbones import NetworkAnswers
from simsiam_core.ui.counts import ImageCounts
from simsiam_core.ui.glance import Glances
from simsiam_core.ui.series import CurveCache
from simsiam_core.ui.widgets import widget
from simsiam_core.ui.words import problem

Refresh = tuple[Callable[..., Any], list[Any], list[Any]]  # the event that has the page ask anew at once
T = TypeVar("T")
READ_ONLY = "This dashboard only looks (--read-only): another one works on these runs; use that one."
# Most events only read, any number of them at a time, and show their progress in their own words.
# With None instead of no components, gradio tells every component that ever was an output how each event is going,
# though all of it is hidden: a press of a button takes a browser half a second longer.
QUIET: dict[str, Any] = {
    "show_progress": "hidden",
    "show_progress_on": [],
    "api_visibility": "private",
    "concurrency_limit": None,
}
# Of an event that comes faster than it is answered, only the last one counts.
LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
# A clock's event is answered at once, past gradio's queue: one short request instead of two.
CLOCK: dict[str, Any] = {**QUIET, "queue": False}


@dataclass
class Context:
    """Where the runs are, and what the server keeps so as not to read it twice."""

    store: RunStore
    worker: InspectionWorker
    scheduler: Scheduler | None = None  # None: another dashboard works on these runs, this one only looks
    notifier: Notifier = field(default_factory=Notifier)
    curves: CurveCache = field(default_factory=CurveCache)
    counts: ImageCounts = field(default_factory=ImageCounts)
    seen_data: set[DataConfig] = field(default_factory=set)  # images that somebody asked to see
    bank_root: Path | None = None  # below it lie folders that may be searched as one's own images
    glances: Glances = field(init=False)
    networks: NetworkAnswers = field(init=False)
    _more: dict[str, InspectionWorker] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.glances = Glances(self.store)
        self.networks = NetworkAnswers(self.worker)

    @property
    def builder(self) -> InspectionWorker:
        """A second worker, for what takes seconds (encoding, checks), so that short questions need not wait."""
        return self._another("simsiam_core.features.loaded")

    @property
    def mapper(self) -> InspectionWorker:
        """A third, for UMAP, which is imported and compiled for seconds that no encoding should wait for."""
        return self._another("simsiam_core.features.maps:warm_up")

    def expect_maps(self) -> None:
        """Somebody looks at Map: have UMAP at hand by the time it is asked for."""
        _ = self.mapper

    def _another(self, preload: str) -> InspectionWorker:
        """It starts when it is first needed and ends, as every worker does, with the server."""
        with self._lock:
            if preload not in self._more:
                self._more[preload] = InspectionWorker(preload)
            return self._more[preload]

    def change(self, act: Callable[[], T]) -> T:
        """Do something to runs, and have the queue looked at at once. Raises RunError where this page only looks."""
        if self.scheduler is None:
            raise RunError(READ_ONLY)
        try:
            return act()
        finally:
            self.scheduler.wake()
            self.glances.forget()

    def attempt(self, act: Callable[[], T]) -> tuple[T | None, str]:
        """What came of a change, and what stood in its way, as HTML that is empty if nothing did."""
        try:
            return self.change(act), ""
        except (RunError, ConfigError) as error:
            return None, problem(str(error))

    def known(self, run_id: Any) -> str | None:
        """An id that came from the page, if there is such a run."""
        return next((run.id for run in self.store.runs() if run.id == run_id), None)

    def encoded(
        self, run: RunDirectory, checkpoint: str, split: str
    ) -> Iterator[tuple[Task[Any], float, str]]:
        """See to it that a split is encoded, yielding the task and its progress. Raises WorkError."""
        from simsiam_core.features import inspection

        if self.worker.submit(inspection.is_encoded, run.path, checkpoint, split).result():
            return
        task = self.builder.submit(inspection.prepare, run.path, checkpoint, split)
        for fraction, text in task.watch():
            yield task, fraction, text
        task.result()


@dataclass
class Page:
    """The components that tabs share; `chosen` are the runs on the charts by id, the current one first."""

    blocks: gr.Blocks
    tabs: gr.Tabs
    chosen: gr.State
    link: gr.HTML
    query: gr.State  # the image that is asked about, a `Query`


def link() -> gr.HTML:
    """Keeps the browser's address in step; its value is {"tab": …, "run": …}."""
    return widget("link", "page-link", visible="hidden")


class Sent:
    """What a page was last sent, by output: a tick that changes nothing sends nothing.

    Lives in a `gr.State`, so a reload starts empty and is sent everything.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, Any] = {}

    def update(self, name: str, token: Any, value: Any) -> Any:
        """`value` if the token is not the one last sent under this name, `gr.skip()` otherwise.

        A callable value is only called when it is needed.
        """
        if not self.changes(name, token):
            return gr.skip()
        return value() if callable(value) else value

    def changes(self, name: str, token: Any) -> bool:
        """Whether the token is not the one last sent under this name; it counts as sent from here on."""
        changed = name not in self._tokens or self._tokens[name] != token
        self._tokens[name] = token
        return changed
