"""Check data: what may be wrong with my pictures?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features import diagnosis
from simsiam_core.features.diagnosis import Diagnosis, Finding, Thresholds
from simsiam_core.features.inspection import Picture
from simsiam_core.features.worker import Task, WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui import networks, own
from simsiam_core.ui.cards import data_uri
from simsiam_core.ui.context import QUIET, Context, Page
from simsiam_core.ui.query import Query
from simsiam_core.ui.saver import download, saver, table
from simsiam_core.ui.widgets import widget
from simsiam_core.ui.words import problem, progress

SHOWN = 40
LISTED = 2000  # rows of a saved table
KINDS = {
    "duplicates": (
        "Near-duplicates",
        "pairs of pictures, also across training and test images, the most alike first",
    ),
    "labels": ("Suspicious labels", "pictures whose neighbours vote for another class, the strongest first"),
    "outliers": ("Outliers", "pictures far from all others, the farthest first"),
}


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The tab: what is checked on the left, the findings on the right."""
    found = gr.State(None)
    running = gr.State(None)
    with gr.Row(elem_classes="map-layout", equal_height=False):
        with gr.Column(min_width=280):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Network</h3>", padding=False)
                run_box, checkpoint_box = networks.pickers("diagnose")
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Check</h3>", padding=False)
                split = gr.Dropdown(
                    own.SPLITS,
                    value="train",
                    label="Pictures",
                    allow_custom_value=True,
                    elem_id="diagnose-split",
                )
                duplicate = gr.Slider(
                    0.5,
                    1,
                    0.95,
                    step=0.005,
                    label="Duplicates: least agreement",
                    info="Mean of feature similarity and pixel correlation.",
                    elem_id="diagnose-duplicate",
                    buttons=[],
                )
                label = gr.Slider(
                    0,
                    1,
                    0.5,
                    step=0.05,
                    label="Labels: least share of the vote",
                    elem_id="diagnose-label",
                    buttons=[],
                )
                outlier = gr.Slider(
                    0,
                    1,
                    0.1,
                    step=0.01,
                    label="Outliers: least distance",
                    elem_id="diagnose-outlier",
                    buttons=[],
                )
                k = gr.Slider(1, 100, 10, step=1, label="Neighbours (k)", elem_id="diagnose-k", buttons=[])
                start = gr.Button("Check", variant="primary", elem_id="diagnose-start")
        with gr.Column(min_width=320):
            with gr.Row(elem_classes="neighbours-busy", visible=False) as busy:
                message = gr.HTML(elem_id="diagnose-progress", padding=False)
                cancel = gr.Button("Cancel", size="sm", elem_id="diagnose-cancel", min_width=90)
            trouble = gr.HTML(elem_id="diagnose-message", padding=False)
            lists, savers = {}, {}
            for kind, (title, note) in KINDS.items():
                with gr.Column(elem_classes="sheet"):
                    gr.HTML(f"<h3>{title}</h3>", padding=False)
                    empty = f"Press Check to find {note}."
                    lists[kind] = widget("findings", f"diagnose-{kind}", {"rows": [], "empty": empty})
                    savers[kind] = gr.Button("Save list", size="sm", elem_id=f"diagnose-{kind}-csv")
            save = saver("diagnose-saver")
    outputs = [found, *lists.values(), busy, message, running, trouble]
    question = [run_box, checkpoint_box, split, duplicate, label, outlier, k]

    def check(run_id: str, name: str, among: str, *limits: float) -> Iterator[Any]:
        same = [gr.skip()] * (1 + len(KINDS))
        try:
            run, among = context.store.get(run_id), own.allowed(context, among)
            thresholds = Thresholds(limits[0], limits[2], limits[1], int(limits[3]))
            task = context.builder.submit(
                diagnosis.diagnose, run.path, name, among, thresholds, LISTED, with_pictures=SHOWN
            )
            for fraction, text in task.watch():
                yield [*same, gr.update(visible=True), progress(fraction, text), task, ""]
            result = task.result()
        except (WorkError, RunError, ConfigError) as error:
            yield [*same, gr.update(visible=False), "", None, problem(str(error))]
            return
        yield [result, *(_list(kind, result) for kind in KINDS), gr.update(visible=False), "", None, ""]

    def save_list(kind: str, result: Diagnosis | None) -> Any:
        if result is None:
            return gr.skip()
        return download(f"{kind}.csv", "text/csv", table(*rows_of(kind, result)))

    def ask(event: gr.EventData) -> list[Any]:
        return [Query(id=str(event.id)), gr.Tabs(selected="neighbours"), {"tab": "neighbours"}]

    def recheck(result: Diagnosis | None, *given: Any) -> Iterator[Any]:
        if result is not None:
            yield from check(*given)

    def refresh(chosen: list[str], name: str | None) -> list[Any]:
        runs, names, run = networks.choices(context, chosen, name)
        return [runs, names, gr.update(choices=own.banks(context)), "" if run else problem(networks.NO_RUNS)]

    def use_run(run_id: str) -> list[Any]:
        try:
            run = context.store.get(run_id)
        except RunError as error:
            return [gr.skip(), gr.skip(), gr.skip(), problem(str(error))]
        return [networks.checkpoint_choices(run, None), [run.id], {"run": run.id}, ""]

    tab.select(refresh, [page.chosen, checkpoint_box], [run_box, checkpoint_box, split, trouble], **QUIET)
    run_box.input(use_run, run_box, [checkpoint_box, page.chosen, page.link, trouble], **QUIET)
    start.click(check, question, outputs, **QUIET)
    gr.on(
        [duplicate.release, label.release, outlier.release, k.release],
        recheck,
        [found, *question],
        outputs,
        **{**QUIET, "trigger_mode": "always_last"},
    )
    for kind, button in savers.items():
        button.click(lambda result, kind=kind: save_list(kind, result), found, save, **QUIET)
        lists[kind].click(ask, None, [page.query, page.tabs, page.link], **QUIET)
    cancel.click(_cancel, running, None, **QUIET)


def rows_of(kind: str, result: Diagnosis) -> tuple[list[str], list[list[Any]]]:
    """A table of the findings of one kind."""
    findings: tuple[Finding, ...] = getattr(result, kind)
    header = ["id", "label", "score", "suggested", "evidence", "note"]
    return header, [
        [
            f.picture.id,
            f.picture.label or "",
            f"{f.score:.5f}",
            f.suggested or "",
            " ".join(p.id for p in f.evidence),
            f.note,
        ]
        for f in findings
    ]


def _list(kind: str, result: Diagnosis) -> dict[str, Any]:
    findings: tuple[Finding, ...] = getattr(result, kind)[:SHOWN]
    rows = [
        {
            "picture": _shown(f.picture),
            "title": f"{f.picture.label or ''} → {f.suggested}" if f.suggested else f.picture.id,
            "note": f.note if not f.suggested else f"{f.note}; {f.picture.id}",
            "evidence": [_shown(p) for p in f.evidence],
        }
        for f in findings
    ]
    more = f"; the first {SHOWN} are shown" if result.found[kind] > SHOWN else ""
    note = f"{result.found[kind]:,} of {result.checked:,}{more}: {KINDS[kind][1]}."
    return {"rows": rows, "note": note, "empty": "Nothing found at this threshold."}


def _shown(picture: Picture) -> dict[str, Any]:
    return {"id": picture.id, "src": data_uri(picture.pixels), "label": picture.label}


def _cancel(task: Task[Any] | None) -> None:
    if task is not None:
        task.cancel()
