"""gradio's Blocks, whose events may update nothing and send whole values; and what a browser finds soonest in them."""

from __future__ import annotations

import inspect
from copy import copy
from types import FunctionType
from typing import Any

import gradio as gr
from gradio.blocks import convert_component_dict_to_list


class PageBlocks(gr.Blocks):
    """Blocks that take `{}` for updates of no component, and send no edits inside a value.

    Of an event with several outputs gradio takes a dict of updates by component, but refuses an empty one.

    For every answer of a generator but the first, gradio sends the difference to the one before, and the browser edits
    the value in place that a component was given already. Where two answers come within a frame, a script would read
    the first one as the second left it: emptied, if the second says nothing of that component.
    """

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """As gradio's, but for an empty dict of updates, which changes nothing, and what an event leaves as it is.

        gradio builds a component anew for every update, even for one that says nothing: half of a millisecond for
        each output that an answer does not name.
        """
        outputs = block_fn.outputs
        if len(outputs) < 2 or block_fn.batch:
            return await super().postprocess_data(block_fn, predictions, state)
        if isinstance(predictions, dict):
            predictions = convert_component_dict_to_list(outputs, predictions) if predictions else gr.skip()
        if _is_skip(predictions):
            predictions = [gr.skip()] * len(outputs)
        named = [place for place, value in enumerate(predictions) if not _is_skip(value)]
        if len(predictions) != len(outputs) or len(named) == len(outputs):
            return await super().postprocess_data(block_fn, predictions, state)
        sent: list[Any] = [None if block.stateful else gr.skip() for block in outputs]
        if named:
            some = copy(block_fn)
            some.outputs = [outputs[place] for place in named]
            values = [predictions[place] for place in named]
            found = await super().postprocess_data(some, values if len(values) > 1 else values[0], state)
            for place, value in zip(named, found, strict=True):
                sent[place] = value
        return sent

    def handle_streaming_diffs(
        self,
        block_fn: Any,
        data: list[Any],
        session_hash: str | None,
        run: str | None,
        final: bool,
        simple_format: bool = False,
    ) -> list[Any]:
        """As gradio's, but for edits at a path inside a value, whose place the whole value takes."""
        whole = list(data)
        sent: list[Any] = super().handle_streaming_diffs(
            block_fn, data, session_hash, run, final, simple_format
        )
        if final or simple_format:
            return sent
        return [_whole(edits, value) for edits, value in zip(sent, whole, strict=True)]


def put_states_first(blocks: gr.Blocks) -> None:
    """Move what is never drawn to the top of the layout.

    A browser looks a component up by its id from the top of the layout down, for each input and output of each event.
    """
    for block in reversed(list(blocks.blocks.values())):
        if _is_never_drawn(block) and (above := block.parent) is not None:
            above.children.remove(block)
            blocks.children.insert(0, block)
            block.parent = blocks


def keep_signatures(blocks: gr.Blocks) -> None:
    """Keep the signature of each kind of component where `inspect.signature` finds it (PEP 362).

    gradio asks for it again for each component of each page that is opened, which is half of what that costs it.
    """
    for kind in {type(block) for block in blocks.blocks.values()}:
        build: Any = kind.__init__
        if isinstance(build, FunctionType) and not hasattr(build, "__signature__"):
            vars(build)["__signature__"] = inspect.signature(build)


def _is_never_drawn(block: Any) -> bool:
    return isinstance(block, gr.State | gr.BrowserState) or (isinstance(block, gr.JSON) and not block.visible)


def _is_skip(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"__type__"}


def _whole(sent: Any, value: Any) -> Any:
    """Return `sent`, or one edit that replaces all of it where some edit, [action, path, value], has a path."""
    inside = sent is not value and any(path for _, path, _ in sent)
    return [["replace", [], value]] if inside else sent
