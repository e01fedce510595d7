"""What an event answers reaches the page: nothing, or whole values."""

from __future__ import annotations

import asyncio
import functools
import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest

from simsiam_core.ui.blocks import PageBlocks, keep_signatures, put_states_first


class Function:
    """As far as gradio looks at a function here."""

    outputs = (object(), object())
    batch = False


def _sent(blocks: PageBlocks, function: Any, answered: Any) -> list[Any]:
    """Return what is sent of an answer; in a thread of its own, as a loop runs in this one after a browser's test."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, blocks.postprocess_data(function, answered, None)).result()


def test_no_value_is_edited_in_place() -> None:
    blocks = PageBlocks()

    def sent(*values: Any, final: bool = False) -> list[Any]:
        return blocks.handle_streaming_diffs(Function(), list(values), "session", "run", final)

    first, second = {"image": "a"}, {"__type__": "update"}
    assert sent(first, "text") == [first, "text"]
    assert sent(second, "text and more") == [[["replace", [], second]], [["append", [], " and more"]]]
    assert sent(second, "") == [[], [["replace", [], ""]]]
    assert sent([1, 2], "") == [[["replace", [], [1, 2]]], []]
    assert sent([1, 3], "") == [[["replace", [], [1, 3]]], []]
    assert sent(None, None, final=True) == [[1, 3], ""]


@pytest.mark.parametrize("answered", [{}, gr.skip()])
def test_an_event_may_update_nothing(answered: dict[str, Any]) -> None:
    """Kind: gradio's own words about output values, as an error on the page."""
    with PageBlocks() as blocks:
        button, text, other = gr.Button(), gr.HTML(), gr.HTML()
        button.click(lambda: answered, None, [text, other])
    (function,) = blocks.fns.values()
    sent = _sent(blocks, function, answered)
    assert sent == [gr.skip()] * 2


@pytest.mark.parametrize("by_name", [True, False])
def test_what_an_answer_leaves_as_it_is_is_not_built_anew(
    monkeypatch: pytest.MonkeyPatch, by_name: bool
) -> None:
    """Kind: most of the server's time under load, since a page answers with some of many outputs."""
    with PageBlocks() as blocks:
        button, text, other, kept, number = gr.Button(), gr.HTML(), gr.HTML(), gr.State(1), gr.Number()
        outputs = [text, other, kept, number]
        button.click(lambda: None, None, outputs)
    (function,) = blocks.fns.values()
    built: list[type] = []
    for kind in (gr.HTML, gr.Number):
        monkeypatch.setattr(kind, "__init__", _counted(kind.__init__, built, kind))
    update = gr.update(visible=False)
    answered = {other: "told", number: update} if by_name else [gr.skip(), "told", gr.skip(), update]
    sent = _sent(blocks, function, answered)
    assert sent == [gr.skip(), "told", None, {"visible": False, "__type__": "update"}]
    assert built == [gr.Number]
    assert _sent(blocks, function, {text: "one of them"}) == ["one of them", gr.skip(), None, gr.skip()]


def _counted(build: Any, built: list[type], kind: type) -> Any:
    @functools.wraps(build)
    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        built.append(kind)
        build(self, *args, **kwargs)

    return counted


def test_an_empty_value_of_a_single_output_is_a_value() -> None:
    with PageBlocks() as blocks:
        button, value = gr.Button(), gr.JSON()
        button.click(dict, None, value)
    (function,) = blocks.fns.values()
    (sent,) = _sent(blocks, function, {})
    assert sent.root == {}


def test_gradio_would_edit_it() -> None:
    """Else the class is not needed any more."""
    from gradio.utils import diff

    assert any(path for _, path, _ in diff({"image": "a"}, {"__type__": "update"}))


def test_what_is_never_drawn_stands_first() -> None:
    with PageBlocks() as blocks:
        page = gr.State("page")
        with gr.Tabs(), gr.Tab("One"):
            text = gr.HTML("drawn")
            kept, held = gr.State("kept"), gr.JSON([1], visible=False)
        put_states_first(blocks)
    layout = blocks.get_config_file()["layout"]
    assert [child["id"] for child in layout["children"]][:3] == [page._id, kept._id, held._id]
    (tab,) = layout["children"][3]["children"]
    assert [child["id"] for child in tab["children"]] == [text._id]


def test_signatures_are_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: each page that was opened kept the server busy for as long again."""
    with PageBlocks() as blocks:
        text = gr.HTML("drawn")
    before = text.get_config()
    keep_signatures(blocks)
    monkeypatch.setattr(inspect, "_signature_from_function", None)  # what works a signature out
    assert text.get_config() == before
