"""What shall be measured: the network, the kind of evaluation, its settings, and putting it into the queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.config.evaluation import KINDS, parse_evaluation
from simsiam_core.jobs import enqueue_evaluation
from simsiam_core.runs import RunError
from simsiam_core.ui import networks
from simsiam_core.ui.context import Context
from simsiam_core.ui.words import problem

KIND_CHOICES = [("kNN report", "knn"), ("Linear classifier", "linear"), ("Fine-tuning", "finetune")]
PROTOCOLS = [("cached features, 12 settings at once", "cached"), ("crops and flips (published)", "augmented")]
SHARES = [("1 %", 0.01), ("10 %", 0.1), ("100 %", 1.0)]
ABOUT = {
    "knn": "Accuracy over k and T, per class and as a confusion matrix, beside nearest centroids and raw pixels.",
    "linear": "A linear classifier on the frozen backbone. A validation split chooses, the test split reports.",
    "finetune": "The whole network on few labels, and the same budget from random weights beside it.",
}


class Form:
    """The controls, made where they stand in the layout."""

    def __init__(self, context: Context) -> None:
        self._context = context
        with gr.Column(elem_classes="sheet"):
            gr.HTML("<h3>Network</h3>", padding=False)
            self.network = networks.picker("evaluate")
        with gr.Column(elem_classes="sheet"):
            gr.HTML("<h3>Measure</h3>", padding=False)
            self.kind = gr.Radio(KIND_CHOICES, value="knn", show_label=False, elem_id="evaluate-kind")
            self._about = gr.HTML(_about("knn"), padding=False)
            self._protocol = gr.Radio(
                PROTOCOLS, value="cached", label="Protocol", visible=False, elem_id="evaluate-protocol"
            )
            self._share = gr.Radio(
                SHARES, value=0.1, label="Share of the labels", visible=False, elem_id="evaluate-share"
            )
            with gr.Row(visible=False) as self._numbers:
                self._epochs = gr.Number(100, label="Epochs", step=1, min_width=90, elem_id="evaluate-epochs")
                self._seed = gr.Number(0, label="Seed", step=1, min_width=90, elem_id="evaluate-seed")
            self.start = networks.ask_button("Measure", "evaluate-start")
            self.message = gr.HTML(elem_id="evaluate-message", padding=False)
        by_hand = [self.kind, self._protocol, self._share, self._epochs, self._seed]
        self.settings = [*self.network.boxes, *by_hand]
        self.by_kind = [self._about, self._protocol, self._share, self._numbers]

    def use_kind(self, kind: str) -> list[Any]:
        """Show what this kind can be told: for `by_kind`."""
        trains = kind in ("linear", "finetune")
        looks = [kind == "linear", kind == "finetune", trains]
        return [_about(kind), *(gr.update(visible=visible) for visible in looks)]

    def begin(self, *given: Any) -> list[Any]:
        """Queue what `settings` say: for `message`, and the id of the evaluation to show."""
        try:
            run_id, values = given[0], _values(given[1:])
            settings = parse_evaluation(values)
            run = self._context.store.get(run_id or "")
            run.checkpoint(settings.checkpoint)
            job = self._context.change(
                lambda: enqueue_evaluation(self._context.store, run, settings.model_dump(mode="json"))
            )
        except (ConfigError, RunError) as error:
            return [problem(str(error)), gr.skip()]
        return ["", job.id]


def _values(given: Sequence[Any]) -> dict[str, Any]:
    """What the chosen kind knows, out of all that the controls say."""
    names = ("checkpoint", "kind", "protocol", "labels_share", "epochs", "seed")
    values = dict(zip(names, given, strict=True))
    known = KINDS[values["kind"]].model_fields if values["kind"] in KINDS else values
    return {name: value for name, value in values.items() if name in known}


def _about(kind: str) -> str:
    return f'<p class="stamp">{ABOUT.get(kind, "")}</p>'
