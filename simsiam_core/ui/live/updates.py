"""What is new, asked for by the page's own scripts: past gradio's events, each of which costs a millisecond an output.

The page says which version of each part it has and gets those parts that have another one. The server keeps
nothing about a page, so nothing is lost with an answer that never arrives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gradio as gr
from pydantic_core import to_json
from starlette.responses import Response

from simsiam_core.ui.components.widget import widget

AT_MOST = 500  # runs that are ticked, and parts of a page: more are nobody's wish


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
    """What a page looks at, as it said and not checked: runs by id, and what its widgets are set to."""

    chosen: list[str]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class News:
    """The parts as they are now, what the page's buttons depend on, and the runs that there are of those chosen."""

    parts: Sequence[Part]
    controls: Any = None
    chosen: Sequence[str] = ()


def updates_widget(elem_id: str, look: Callable[[Aim], News], *, chooses: bool = False) -> gr.HTML:
    """Asks once a second while it can be seen; its value is {"chosen"}, and where it `chooses` runs for the page also
    {"number", "acts"} (see its script).

    Triggers `input` as what the page's buttons depend on changes, and `select` with {"chosen", "number", "replace"} as
    runs are chosen.
    """

    def news(asked: Any) -> Response:
        asked = asked if isinstance(asked, dict) else {}
        chosen, have = asked.get("chosen"), asked.get("have")
        have = have if isinstance(have, dict) else {}
        seen = look(Aim(run_ids(chosen), asked))
        versions = {part.id: part.version for part in seen.parts}
        new = {part.id: part.value for part in seen.parts if have.get(part.id) != versions[part.id]}
        told = {
            "parts": new,
            "versions": {part_id: versions[part_id] for part_id in new},
            "controls": _version(seen.controls),
            "chosen": list(seen.chosen),
        }
        # Written here: FastAPI would walk through every number first, and knows no word for one that is NaN.
        return Response(to_json(told, inf_nan_mode="null"), media_type="application/json")

    options: dict[str, Any] = {"server_functions": [news], "chooses": chooses}
    return widget("live/updates", elem_id, {"chosen": []}, padding=False, **options)


def run_ids(given: Any) -> list[str]:
    """Ids of runs as a page sent them; there may be no such runs."""
    return [str(run_id) for run_id in given[:AT_MOST]] if isinstance(given, list) else []


def _version(depends: Any) -> str:
    return hashlib.blake2s(repr(depends).encode(), digest_size=8).hexdigest()
