"""Several runs at once over the form's settings: a ready-made ablation, or lists of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from simsiam_core.config import Config, ConfigError, expand, parse, read_sweeps
from simsiam_core.config.ablations import ABLATIONS, members
from simsiam_core.ui.text import problem, stamp

NONE = ("None", "")
ONE_OR_THE_OTHER = "Choose an ablation or write values to try, not both at once."


class Several:
    """The controls, folded; `inputs` are what `configs` and `note` take."""

    def __init__(self) -> None:
        with gr.Accordion("Several runs at once", open=False, elem_id="train-more", elem_classes="form-more"):
            self.ablation = gr.Dropdown(
                [NONE, *((one.title, name) for name, one in ABLATIONS.items())],
                value="",
                label="Ablation",
                info="One setting removed or changed, a run each.",
                elem_id="train-ablation",
            )
            self.sweep = gr.Textbox(
                label="Settings and their values",
                info="One setting a line; every combination becomes a run in the queue.",
                placeholder="lr: 0.03, 0.06, 0.12\nseed: 1:3:3",
                lines=2,
                elem_id="train-sweep",
            )
            self.note = gr.HTML(elem_id="train-sweep-note", padding=False)
        self.inputs = [self.ablation, self.sweep]

    def cleared(self) -> dict[Any, Any]:
        """Return updates that empty the controls."""
        return {self.ablation: "", self.sweep: "", self.note: ""}


def configs(ablation: Any, sweep: Any, values: Mapping[str, Any]) -> tuple[list[Config], str]:
    """Return the configs to start, one if nothing else was asked for, and the name of their group.

    Raises ConfigError.
    """
    sweeps = read_sweeps(str(sweep or "").splitlines())  # controls that were never unfolded have no value
    if ablation and sweeps:
        raise ConfigError.at("sweep", ONE_OR_THE_OTHER)
    if ablation in ABLATIONS:
        return members(ablation, values), str(ablation)
    if sweeps:
        return expand(values, sweeps), "; ".join(str(one) for one in sweeps)
    return [parse(values)], ""


def counted(ablation: Any, sweep: Any, values: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many runs were asked for, at least one, and a note on them as HTML."""
    question = ABLATIONS[ablation].question if ablation in ABLATIONS else ""
    try:
        number = len(configs(ablation, sweep, values)[0])
    except ConfigError as error:
        asked = bool(ablation or str(sweep or "").strip())
        return 1, problem(str(error).splitlines()[0]) if asked else ""
    if number == 1:
        return 1, ""
    return number, stamp(f"{question} {number} runs, one after another in the queue.".strip())
