"""What every tab shares. Nothing in here is state that matters: that is in the run directories."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from gradio.events import Dependency

from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.config.profiles import usual_profile
from simsiam_core.features.worker import InspectionWorker, Task
from simsiam_core.jobs import Notifier, Scheduler
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.placement import LOCAL, Placement, read_placement
from simsiam_core.ui.components.fill import Fill
from simsiam_core.ui.components.widget import widget
from simsiam_core.ui.live.curves import CurveCache
from simsiam_core.ui.live.image_counts import ImageCounts
from simsiam_core.ui.live.network_checks import NetworkAnswers
from simsiam_core.ui.live.snapshot import Snapshots
from simsiam_core.ui.text import problem

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
# What is in the address takes the place of the component `link` among the inputs.
ADDRESS = "(_, ...given) => [Object.fromEntries(new URLSearchParams(window.location.search)), ...given]"


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
    executor: str = (
        LOCAL  # where jobs run unless chosen otherwise; any other: nothing is trained on this machine
    )
    bank_root: Path | None = None  # below it lie folders that may be searched as one's own images
    unpacking: bool = False  # the bundled network, as the dashboard starts
    snapshots: Snapshots = field(init=False)
    networks: NetworkAnswers = field(init=False)
    _more: dict[str, InspectionWorker] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.snapshots = Snapshots(self.store)
        self.networks = NetworkAnswers(self.worker)

    @property
    def builder(self) -> InspectionWorker:
        """A second worker, for what takes seconds (encoding, checks), so that short questions need not wait."""
        return self._another("simsiam_core.features.loaded")

    @property
    def mapper(self) -> InspectionWorker:
        """A third, for UMAP, which is imported and compiled for seconds that no encoding should wait for."""
        return self._another("simsiam_core.features.projection:warm_up")

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
            self.snapshots.forget()

    def placement_for(self, run: RunDirectory) -> Placement | None:
        """Return where an evaluation of a run goes: where the run went, but not onto a login node."""
        return None if read_placement(run.path).executor != LOCAL else self.usual_placement()

    def usual_placement(self) -> Placement | None:
        """Return where runs go for which nobody chose; None: onto this machine."""
        if self.executor == LOCAL:
            return None
        return Placement(executor=self.executor, settings=usual_profile().model_dump())

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
    """What pages share: components of which each belongs to no page alone, and the address.

    - `network`: a `ChosenNetwork` (context_bar/network.py) or None; set as the person chooses one, in the bar
      or by a button that opens a page. A page that looks inside
      takes it as an input, keeps the one its answer belongs to in a state of its own, and says by `network.change` that
      its answer is outdated.
    - `chosen`: the runs on the charts by id, the current one first; `runs` in the address.
    - `link`: takes what to set in the address, which may name a page to be opened: {"page": "look", "ids": "7,12"}.
      None takes a name out; {"replace": True, …} makes it no step for Back, {"read": True, …} has what it says
      restored. `page`, `run`, `checkpoint`, `images` (the bar) and `runs` have their meaning on every page; a page's
      further names are its own, and `restore` reads them.
    - `query`: the image that is asked about, a `Query`.
    - `fill`: the form of the Train page for those that write into it.
    """

    blocks: gr.Blocks
    chosen: gr.State
    link: gr.HTML
    query: gr.State
    network: gr.State
    tabs: gr.Tabs = field(init=False)
    fill: Fill = field(init=False)

    def restore(
        self, handler: Callable[..., Any], inputs: Sequence[Any], outputs: Sequence[Any]
    ) -> Dependency:
        """Have `handler(address, *inputs)` set what the address says, as the page opens and on Back and Forward.

        `address` maps names to texts that anybody may have typed. What it sets must not be written to `link` again,
        other than by `replace`. It is no generator.
        """

        def restored(address: Any, *given: Any) -> Any:
            address = address if isinstance(address, dict) else {}
            return handler({str(name): str(value) for name, value in address.items()}, *given)

        return gr.on(
            [self.blocks.load, self.link.input],
            restored,
            [self.link, *inputs],
            list(outputs),
            js=ADDRESS,
            **LATEST,
        )


def link(pages: Mapping[str, Any], start: str) -> gr.HTML:
    """Keeps the browser's address in step; `pages` maps the names of pages to {"id", "inside"}.

    `start` is the page of an address that names none, in a browser that has dismissed the first one.
    """
    return widget("components/link", "page-link", visible="hidden", pages=dict(pages), start=start)


class ChangeTracker:
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
