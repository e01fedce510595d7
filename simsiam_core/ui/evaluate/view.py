"""What the page shows of a run's evaluations, read from the run directories, and what its buttons do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from simsiam_core.evaluation.results import FORMATS
from simsiam_core.features.worker import WorkError
from simsiam_core.jobs import stop
from simsiam_core.runs import RunError
from simsiam_core.runs.evaluations import EvaluationDirectory, evaluations, find_evaluation
from simsiam_core.ui.components.chart import figure
from simsiam_core.ui.components.checkpoint_picker import NO_RUNS
from simsiam_core.ui.components.images import card, gallery
from simsiam_core.ui.components.outdated import outdated
from simsiam_core.ui.components.widget import event_value
from simsiam_core.ui.context import READ_ONLY, ChangeTracker, Context
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.evaluate import report, results
from simsiam_core.ui.text import problem, run_name, stamp

IMAGES = 60
NO_CELL = "Click a cell of the confusion matrix to see the images in it."
MEASURE_ANEW = "Measure brings the figures of the network chosen above."


class View:
    """The evaluation on the right is the chosen one, or else the newest of the network's checkpoint, or of its run."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def changed(
        self, network: ChosenNetwork | None, shown: str | None, sent: ChangeTracker
    ) -> dict[str, Any]:
        """The values, by the name of a component, of all that the page does not have already."""
        return {
            name: make() if callable(make) else make
            for name, (token, make) in self._values(network, shown).items()
            if sent.changes(name, token)
        }

    def depends(self, network: ChosenNetwork | None, shown: str | None) -> list[Any]:
        """What the values depend on: another list whenever one of them is another."""
        return [token for token, _ in self._values(network, shown).values()]

    def _values(self, network: ChosenNetwork | None, shown: str | None) -> dict[str, tuple[Any, Any]]:
        """By the name of a component: what its value depends on, and the value or what makes it."""
        job, found = self._job(network, shown)
        return self._of_job(job, network) | self._of_run(job, found)

    def _of_job(
        self, job: EvaluationDirectory | None, network: ChosenNetwork | None
    ) -> dict[str, tuple[Any, Any]]:
        """What the evaluation on the right makes of each component: what that depends on, and its value."""
        state = job.status() if job else None
        result = report.found(job)[0] if job else None
        token = (job.id, state.state, state.step, result is not None) if job and state else None
        nothing = stamp(report.NO_FIGURES if network else NO_RUNS)
        head = report.heading(job) if job else nothing
        waits, works = bool(state and state.state == "queued"), bool(state and state.active)
        note = _stale(job, result, network)
        return {
            "head": (head, head),
            "note": (note, note),
            "beside": (waits, gr.update(visible=waits)),
            "cancel": (works, gr.update(visible=works)),
            "curves": (token, lambda: report.curves(job) if job else figure([], empty=report.NOTHING)),
            "grid": (token, lambda: report.knn_grid(result)),
            "confusion": (token, lambda: report.confusion(result)),
            "classes": (token, lambda: report.per_class(result)),
        }

    def _of_run(
        self, job: EvaluationDirectory | None, found: list[EvaluationDirectory]
    ) -> dict[str, tuple[Any, Any]]:
        """The list of the run's evaluations, and the table of all runs' results."""
        lines = [report.line(one, one is job) for one in found]
        measured = tuple(one.id for one in found if one.result_path.exists())
        runs = self._context.store.runs
        tables = {name: (measured, lambda name=name: results.written(runs(), name)) for name in FORMATS}
        return {
            "jobs": (lines, lambda: report.jobs_table(lines)),
            "results": (measured, lambda: results.listed(runs())),
            **tables,
        }

    def cancel(self, network: ChosenNetwork | None, shown: str | None) -> str:
        """End the evaluation on the right; it leaves no result."""
        return self._said(network, shown, lambda job: stop(job, timeout=10))

    def beside(self, network: ChosenNetwork | None, shown: str | None) -> str:
        """Do not wait for a free slot."""
        scheduler = self._context.scheduler
        return self._said(network, shown, scheduler.start_beside if scheduler else None)

    def inside(
        self, network: ChosenNetwork | None, shown: str | None, event: gr.EventData
    ) -> Iterator[dict[str, Any]]:
        """The images in a cell of the confusion matrix; the first time they may have to be decoded."""
        ids = event_value(event, "ids")
        cell = next((str(i) for i in ids if i is not None), "") if isinstance(ids, list) else ""
        true, _, taken = cell.partition("|")
        job, _ = self._job(network, shown)
        result = report.found(job)[0] if job else None
        if job is None or result is None or not (true.isdigit() and taken.isdigit()):
            yield gallery([], empty=NO_CELL)
            return
        yield gallery([], empty="Fetching the images …")
        from simsiam_core.evaluation.confused import confused

        try:
            names, predicted = result["details"]["classes"], result["details"]["predicted"]
            arguments = (job.run.path, predicted, int(true), int(taken), IMAGES)
            total, some = self._context.worker.submit(confused, *arguments).result(120)
            text = f"{total} test images of class {names[int(true)]} were taken for {names[int(taken)]}."
        except (RunError, WorkError, TimeoutError, IndexError, KeyError) as error:
            yield gallery([], empty=str(error))
            return
        note = text + (f" The first {IMAGES} are shown." if total > IMAGES else "")
        yield gallery([card(p.id, p.pixels, None) for p in some], note=note, empty=text, size=56)

    def _job(
        self, network: ChosenNetwork | None, shown: str | None
    ) -> tuple[EvaluationDirectory | None, list[EvaluationDirectory]]:
        """The evaluation on the right, and all of the run's, the newest first."""
        try:
            found = evaluations(network.directory(self._context)) if network else []
        except RunError:
            return None, []
        chosen = [job for job in found if job.id == shown]
        same = [job for job in found if network and not chosen and _measures(job, network)]
        return next(iter([*chosen, *same, *found]), None), found

    def _said(self, network: ChosenNetwork | None, shown: str | None, act: Any) -> str:
        """Do it to the evaluation on the right; what stands in its way, in words."""
        try:
            if self._context.scheduler is None:
                raise RunError(READ_ONLY)
            job, _ = self._job(network, shown)
            if job is None:
                raise RunError("This run has no evaluation yet.")
            act(find_evaluation(job.run, job.id))
        except RunError as error:
            return problem(str(error))
        return ""


def _measures(job: EvaluationDirectory, network: ChosenNetwork) -> bool:
    """Whether it is about the checkpoint that is chosen, as far as can be read."""
    try:
        return _checkpoint(job, job.result()) in (network.checkpoint, "")
    except RunError:
        return False


def _checkpoint(job: EvaluationDirectory, result: dict[str, Any] | None) -> str:
    """The checkpoint that is measured, by its epoch once that is known; empty for `last` before."""
    if result is not None:
        return f"epoch={result['epoch']:04d}"
    try:
        name = str(job.settings().get("checkpoint", ""))
    except RunError:
        return ""
    return "" if name == "last" else name


def _stale(
    job: EvaluationDirectory | None, result: dict[str, Any] | None, network: ChosenNetwork | None
) -> str:
    """The note above figures of another checkpoint than the chosen one; a run's only `last` has no other."""
    if job is None or result is None or network is None or not network.checkpoint.startswith("epoch="):
        return ""
    if _checkpoint(job, result) == network.checkpoint:
        return ""
    return outdated(f"{run_name(job.run.id)} · epoch {result['epoch']}", MEASURE_ANEW)
