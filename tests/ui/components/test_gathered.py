"""The page's events have few inputs that a browser would look up at every step of every event."""

from __future__ import annotations

import gradio as gr

from simsiam_core.runs import RunStore
from simsiam_core.ui.app import build
from simsiam_core.ui.components.gathered import gathered
from simsiam_core.ui.context import Context

MOST = 20  # inputs of one event that the server answers


def test_controls_are_one_input_that_the_browser_fills() -> None:
    with gr.Blocks() as blocks:
        number, box = gr.Number(3), gr.Checkbox(True)
        held = gathered([number, box], "both")
        held.change(lambda values: values, held, held)
    assert held.value == [3, True]
    gathering, following = blocks.get_config_file()["dependencies"]
    assert not gathering["backend_fn"] and gathering["outputs"] == [held._id]
    assert {event for _, event in gathering["targets"]} == {"input", "change"}
    assert following["inputs"] == [held._id]


def test_no_event_that_the_server_answers_has_the_whole_form_as_inputs(store: RunStore) -> None:
    """Kind: each had eighty, and a browser spent seconds on them whenever a page was opened."""
    page = build(Context(store, None))  # type: ignore[arg-type]  # nothing is asked
    answered = [d for d in page.get_config_file()["dependencies"] if d["backend_fn"]]
    assert len(answered) > 100
    assert max(len(d["inputs"]) for d in answered) <= MOST
