"""Answers of a generator reach the page as whole values."""

from __future__ import annotations

from typing import Any

from simsiam_core.ui.blocks import WholeValues


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
