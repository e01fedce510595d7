"""Controls that are one input for the server."""

from __future__ import annotations

import gradio as gr

from simsiam_core.ui.components.gathered import gathered


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
