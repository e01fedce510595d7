"""What is new, asked for by the page's own scripts: past gradio's events, each of which costs a millisecond an output.

The page says which version of each part it has and gets those parts that have another one. The server keeps
nothing about a page, so nothing is lost with an answer that never arrives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gradio as gr
from pydantic_core import to_json
from starlette.responses import Response

from simsiam_core.ui.widgets import widget

AT_MOST = 100  # runs on the charts, and parts of a page: more are nobody's wish


@dataclass(frozen=True)
class Part:
    """One part of the page: the `elem_id` of its widget, what its content depends on, and what makes the content."""

    id: str
    depends: Any
    make: Callable[[], Any]

    @cached_property
    def version(self) -> str:
        """Another one whenever `depends` is another one, on whatever server."""
        return _version(self.depends)

    @cached_property
    def value(self) -> Any:
        """The content, made when the first page wants it."""
        return self.make()


@dataclass(frozen=True)
class Aim:
    """What a page looks at: runs by id, and the x axis of its charts, both as it said and not checked."""

    chosen: list[str]
    axis: str


def news_widget(elem_id: str, look: Callable[[Aim], tuple[Sequence[Part], Any]]) -> gr.HTML:
    """Asks once a second while it can be seen; its value is an aim as {"chosen", "axis", "at"}.

    `look` gives the parts, and what the page's buttons depend on: as that changes, `input` is triggered.
    """

    def news(asked: Any) -> Response:
        asked = asked if isinstance(asked, dict) else {}
        chosen, have = asked.get("chosen"), asked.get("have")
        have = have if isinstance(have, dict) else {}
        chosen = [str(run_id) for run_id in chosen[:AT_MOST]] if isinstance(chosen, list) else []
        parts, controls = look(Aim(chosen, str(asked.get("axis"))))
        versions = {part.id: part.version for part in parts}
        new = {part.id: part.value for part in parts if have.get(part.id) != versions[part.id]}
        told = {
            "parts": new,
            "versions": {part_id: versions[part_id] for part_id in new},
            "controls": _version(controls),
        }
        # Written here: FastAPI would walk through every number first, and knows no word for one that is NaN.
        return Response(to_json(told, inf_nan_mode="null"), media_type="application/json")

    return widget("news", elem_id, {"chosen": [], "axis": "step"}, padding=False, server_functions=[news])


def _version(depends: Any) -> str:
    return hashlib.blake2s(repr(depends).encode(), digest_size=8).hexdigest()
