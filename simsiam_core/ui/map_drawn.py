"""The map that a page shows, with what is known of its points."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from simsiam_core.features.maps import Facts, Map
from simsiam_core.runs import RunDirectory
from simsiam_core.ui import map_view
from simsiam_core.ui.widgets import told

Table = tuple[list[str], list[list[Any]]]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A map and what belongs to it."""

    run: RunDirectory
    map: Map
    facts: Facts | None = None
    second: np.ndarray | None = None  # int16 [N]: what another network predicts, if that was asked for
    selected: tuple[int, ...] = ()

    @property
    def of(self) -> dict[str, str]:
        """What a thumbnail is asked for with, beside its id."""
        return {"run": self.run.id, "split": self.map.settings.split}

    @property
    def key(self) -> str:
        """Other maps have other zooms."""
        return f"{self.run.id} {self.map.checkpoint} {self.map.settings}"

    def value(self, note: str) -> dict[str, Any]:
        """The geometry, as the `map` component takes it."""
        return map_view.geometry([self.map], [self.map.checkpoint], of=self.of, key=self.key, note=note)

    def paint(self, by: str) -> dict[str, Any]:
        """Colours by one of `map_view.COLOURINGS`."""
        return map_view.paint(self.map, self.facts, by, self.second)

    def update(self, by: str, *, finished: bool = True) -> Any:
        """All that the component needs, for a map that was not there before."""
        note = map_view.described(self.map, finished=finished)
        return gr.update(value=self.value(note), paint=self.paint(by), marks={})

    def chosen(self, event: gr.EventData) -> list[int]:
        """Rows of the ids that a lasso sent, a JSON list; those that are not of this map are left out."""
        try:
            ids = json.loads(told(event, "ids"))
        except (TypeError, ValueError):
            return []
        position = {image_id: row for row, image_id in enumerate(self.map.ids)}
        return (
            [position[i] for i in ids if isinstance(i, str) and i in position]
            if isinstance(ids, list)
            else []
        )

    def table(self, rows: Sequence[int]) -> Table:
        """Points with their coordinates, label, prediction and confidence, as far as there are any."""
        drawn, facts = self.map, self.facts
        header = ["id", *"xyz"[: drawn.settings.dimensions]]
        columns: list[Any] = [drawn.coordinates[:, d].tolist() for d in range(drawn.settings.dimensions)]
        if drawn.labels is not None:
            header.append("label")
            columns.append([drawn.classes[i] for i in drawn.labels])
        if facts is not None and facts.predictions is not None and facts.confidence is not None:
            header += ["prediction", "confidence"]
            columns += [[drawn.classes[i] for i in facts.predictions], facts.confidence.tolist()]
        return header, [[drawn.ids[row], *(column[row] for column in columns)] for row in rows]
