"""Answers of a generator reach the page as whole values."""

from __future__ import annotations

from typing import Any

import gradio as gr

from simsiam_core.ui.blocks import WholeValues, put_states_first


class Function:
    """As far as gradio looks at a function here."""

    outputs = (object(), object())


def test_no_value_is_edited_in_place() -> None:
    blocks = WholeValues()

    def sent(*values: Any, final: bool = False) -> list[Any]:
        return blocks.handle_streaming_diffs(Function(), list(values), "session", "run", final)

    first, second = {"image": "a"}, {"__type__": "update"}
    assert sent(first, "text") == [first, "text"]
    assert sent(second, "text and more") == [[["replace", [], second]], [["append", [], " and more"]]]
    assert sent(second, "") == [[], [["replace", [], ""]]]
    assert sent([1, 2], "") == [[["replace", [], [1, 2]]], []]
    assert sent([1, 3], "") == [[["replace", [], [1, 3]]], []]
    assert sent(None, None, final=True) == [[1, 3], ""]


def test_gradio_would_edit_it() -> None:
    """Else the class is not needed any more."""
    from gradio.utils import diff

    assert any(path for _, path, _ in diff({"image": "a"}, {"__type__": "update"}))


def test_what_is_never_drawn_stands_first() -> None:
    with WholeValues() as blocks:
        page = gr.State("page")
        with gr.Tabs(), gr.Tab("One"):
            text = gr.HTML("drawn")
            kept, held = gr.State("kept"), gr.JSON([1], visible=False)
        put_states_first(blocks)
    layout = blocks.get_config_file()["layout"]
    assert [child["id"] for child in layout["children"]][:3] == [page._id, kept._id, held._id]
    (tab,) = layout["children"][3]["children"]
    assert [child["id"] for child in tab["children"]] == [text._id]
