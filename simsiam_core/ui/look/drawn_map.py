"""The map that a page shows, with what is known of its points."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import numpy as np

from simsiam_core.features.maps import Facts, Map
from simsiam_core.runs import RunDirectory
from simsiam_core.ui.components import image_banks
from simsiam_core.ui.components.widget import event_value
from simsiam_core.ui.context import Context
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.look import canvas
from simsiam_core.ui.text import run_name

Table = tuple[list[str], list[list[Any]]]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A map of a network and what belongs to it.

    `story` are the maps of all checkpoints of the run, in the order of training, where they are shown as frames;
    `map` and `network` are then those of the frame.
    """

    network: ChosenNetwork
    run: RunDirectory
    map: Map
    by: str = "label"  # what it is coloured by when it is first shown
    facts: Facts | None = None
    story: tuple[Map, ...] = ()

    @property
    def frames(self) -> tuple[Map, ...]:
        """The maps that the canvas holds."""
        return self.story or (self.map,)

    @property
    def of(self) -> dict[str, str]:
        """What a thumbnail is asked for with, beside its id."""
        return {"run": self.run.id, "split": self.map.settings.split}

    @property
    def key(self) -> str:
        """Other maps have other zooms."""
        return f"{self.run.id} {self.frames[-1].key} {self.map.settings} {len(self.frames)}"

    @property
    def place_on(self) -> tuple[str, np.ndarray]:
        """What an image is placed on: this map and no other."""
        return self.map.key, self.map.coordinates

    def at(self, checkpoint: str) -> Drawn | None:
        """The same with the frame of a checkpoint; None where there is no such frame."""
        found = next((m for m in self.story if m.checkpoint == checkpoint), None)
        if found is None:
            return None
        return replace(self, map=found, network=replace(self.network, checkpoint=checkpoint), facts=None)

    def described(self, context: Context, *, finished: bool = True) -> str:
        """What it shows and of which network, in a sentence."""
        if self.story:
            first = self.story[0]
            shown = f"{len(self.story)} checkpoints, {len(first.ids):,} of {first.total:,} images"
            title = f"{run_name(self.run.id)} · {image_banks.split_name(self.network.images)}"
            return f"{title}. Through training: {shown}."
        return f"{self.network.title(context)}. {canvas.described(self.map, finished=finished)}"

    def value(self, note: str) -> dict[str, Any]:
        """The geometry, as the `map` component takes it."""
        names = [m.checkpoint for m in self.frames]
        return canvas.geometry(self.frames, names, of=self.of, key=self.key, note=note)

    def paint(self, by: str, second: np.ndarray | None = None) -> dict[str, Any]:
        """Colours by one of `canvas.COLOURINGS`; `second`: another network's predictions, int16 [N]."""
        return canvas.paint(self.map, self.facts, by, second)

    def update(self, context: Context, *, finished: bool = True) -> Any:
        """All that the component needs, for a map that was not there before."""
        note = self.described(context, finished=finished)
        return gr.update(value=self.value(note), paint=self.paint(self.by), marks={})

    def chosen(self, event: gr.EventData) -> list[int]:
        """Rows of the ids that a lasso sent, a JSON list; those that are not of this map are left out."""
        try:
            ids = json.loads(event_value(event, "ids"))
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
