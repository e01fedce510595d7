"""Check data: what may be wrong with my images?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features import diagnosis
from simsiam_core.features.diagnosis import Thresholds
from simsiam_core.features.findings import Diagnosis, Finding, findings_csv
from simsiam_core.features.inspection import ImageRecord
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui import networks, own
from simsiam_core.ui.cards import data_uri
from simsiam_core.ui.context import LATEST, QUIET, Context, Page
from simsiam_core.ui.freshness import follow, note_box, outdated
from simsiam_core.ui.query import query_by_id
from simsiam_core.ui.saver import download, saver
from simsiam_core.ui.waiting import waiting
from simsiam_core.ui.widgets import widget

SHOWN = 40
LISTED = 2000  # rows of a saved table
KINDS = {
    "duplicates": (
        "Near-duplicates",
        "pairs of images, also across training and test images, the most alike first",
    ),
    "labels": (
        "Suspicious labels",
        "images whose label neither their neighbours nor a classifier believes, the least believed first",
    ),
    "outliers": ("Outliers", "images far from all others, the farthest first"),
}


@dataclass(frozen=True)
class Checked:
    """What the page shows: of which network, what was asked (run, checkpoint, images), and what was found."""

    title: str
    asked: tuple[str, str, str]
    found: Diagnosis


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The tab: what is checked on the left, the findings on the right."""
    found = gr.State(None)  # a Checked
    with gr.Row(elem_classes="map-layout", equal_height=False):
        with gr.Column(min_width=280):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Network</h3>", padding=False)
                picker = networks.picker("diagnose")
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Check</h3>", padding=False)
                split, *limits = _settings_form()
                start = networks.ask_button("Check", "diagnose-start")
        with gr.Column(min_width=320, elem_classes="has-answer waits"):
            wait = waiting("diagnose")
            outdated_box = note_box("diagnose-outdated")
            lists, savers = {}, {}
            for kind, (title, _) in KINDS.items():
                with gr.Column(elem_classes="sheet"):
                    gr.HTML(f"<h3>{title}</h3>", padding=False)
                    lists[kind] = widget(
                        "findings", f"diagnose-{kind}", _unasked(kind), elem_classes="answer"
                    )
                    savers[kind] = gr.Button("Save list", size="sm", elem_id=f"diagnose-{kind}-csv")
            save = saver("diagnose-saver")
    outputs = [found, *lists.values(), *wait.outputs]
    question = [*picker.boxes, split, *limits]

    def check(run_id: str, name: str, among: str, *given: float) -> Iterator[Any]:
        same = [gr.skip()] * (1 + len(KINDS))
        if not run_id:
            yield [*same, *wait.failed(networks.none_chosen(context))]
            return
        try:
            run, among = context.store.get(run_id), own.allowed(context, among)
            duplicate, label, outlier, k = given
            thresholds = Thresholds(duplicate, outlier, label, int(k))
            task = context.builder.submit(
                diagnosis.diagnose, run.path, name, among, thresholds, LISTED, with_images=SHOWN
            )
            for update in wait.follow(task):
                yield [*same, *update]
            result = task.result()
        except (WorkError, RunError, ConfigError) as error:
            yield [None, *map(_unasked, KINDS), *wait.failed(error)]
            return
        checked = Checked(networks.title(run, name), (run_id, name, among), result)
        yield [checked, *(_list(kind, result) for kind in KINDS), *wait.over()]

    def outdated_note(checked: Checked | None, *asked: Any) -> str:
        if checked is None or checked.asked == asked:
            return ""
        what = f"{checked.title} on the {own.split_name(checked.asked[2])}"
        return outdated(what, "Press Check for what is chosen now.")

    def recheck(result: Checked | None, *given: Any) -> Iterator[Any]:
        """Another threshold is a new answer, but only to one who has asked."""
        if result is not None:
            yield from check(*given)

    def save_list(kind: str, checked: Checked | None) -> Any:
        if checked is None:
            return gr.skip()
        content = findings_csv(getattr(checked.found, kind)).encode("utf-8", "surrogateescape")
        return download(f"{kind}.csv", "text/csv", content)

    def ask(event: gr.EventData) -> list[Any]:
        return [query_by_id(event), gr.Tabs(selected="neighbours"), {"tab": "neighbours"}]

    opened, _ = picker.wire(context, page, tab, wait.trouble, start)
    opened.then(lambda chosen: own.refreshed(context, chosen), split, split, **QUIET)
    checking: dict[str, Any] = {
        "fn": outdated_note,
        "inputs": [found, *picker.boxes, split],
        "outputs": outdated_box,
    }
    follow(checking, [*picker.boxes, split])
    start.click(check, question, outputs, **QUIET).then(**checking, **QUIET)
    gr.on(
        [limit.release for limit in limits],
        recheck,
        [found, *question],
        outputs,
        **LATEST,
    ).then(**checking, **QUIET)
    for kind, button in savers.items():
        button.click(lambda result, kind=kind: save_list(kind, result), found, save, **QUIET)
        lists[kind].click(ask, None, [page.query, page.tabs, page.link], **QUIET)


def _settings_form() -> list[Any]:
    """What to look at, and from where on something counts as a finding."""
    split = own.chooser("diagnose-split", "Images")

    def slider(name: str, low: float, high: float, value: float, step: float, label: str, info: str) -> Any:
        return gr.Slider(
            low, high, value, step=step, label=label, info=info, elem_id=f"diagnose-{name}", buttons=[]
        )

    t = Thresholds()
    return [
        split,
        slider(
            "duplicate", 0.5, 1, t.duplicate, 0.005, "Duplicates: least agreement", "Of features and pixels."
        ),
        slider(
            "label",
            0,
            1,
            t.label,
            0.05,
            "Labels: least doubt",
            "0: sure of the label; 1: certain that it is wrong.",
        ),
        slider("outlier", 0, 1, t.outlier, 0.01, "Outliers: least distance", "To the k-th neighbour."),
        slider("k", 1, 100, t.k, 1, "Neighbours (k)", "Looked at for labels and outliers."),
    ]


def _list(kind: str, result: Diagnosis) -> dict[str, Any]:
    findings: tuple[Finding, ...] = getattr(result, kind)[:SHOWN]
    rows = [
        {
            "image": _shown(f.image),
            "title": f"{f.image.label or ''} → {f.suggested}" if f.suggested else f.image.id,
            "note": f.note if not f.suggested else f"{f.note}; {f.image.id}",
            "evidence": [_shown(p) for p in f.evidence],
        }
        for f in findings
    ]
    more = f"; the first {SHOWN} are shown" if result.found[kind] > SHOWN else ""
    said = f" {result.notes[kind]}" if kind in result.notes else ""
    note = f"{result.found[kind]:,} of {result.checked:,}{more}: {KINDS[kind][1]}.{said}"
    return {"rows": rows, "note": note, "empty": said.strip() or "Nothing found at this threshold."}


def _unasked(kind: str) -> dict[str, Any]:
    return {"rows": [], "empty": f"Press Check to find {KINDS[kind][1]}."}


def _shown(image: ImageRecord) -> dict[str, Any]:
    return {"id": image.id, "src": data_uri(image.pixels), "label": image.label}
