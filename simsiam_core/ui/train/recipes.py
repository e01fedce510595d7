"""Which recipes to offer first: those that this machine can run, for the images that were chosen."""

from __future__ import annotations

import sys
from typing import Any

from simsiam_core.config import Preset, presets
from simsiam_core.config.sections.data import OWN_IMAGES

FIRST_PRESET = "quick"
AT_FIRST = 4  # cards that are not folded away


def recipes(chosen: str | None, source: str, gpu: bool) -> dict[str, Any]:
    """Return the value of the cards: `options`, those folded as `more` under `title`, and the chosen one's name."""
    ordered = sorted(presets(adapting=True).values(), key=lambda preset: _rank(preset, source, gpu))
    here = [preset for preset in ordered if gpu or not preset.wants_gpu]
    first = here[:AT_FIRST]
    more = [preset for preset in ordered if preset not in first]
    title = "More recipes" if gpu else "Recipes that want a GPU"
    return {
        "options": [_card(preset) for preset in first],
        "more": [_card(preset) for preset in more],
        "title": f"{title} ({len(more)})",
        "chosen": chosen,
    }


def own_images(source: Any) -> bool:
    """Return whether a source reads images of the person's own."""
    return source in OWN_IMAGES


def _rank(preset: Preset, source: str, gpu: bool) -> tuple[bool, bool, bool, int, str]:
    """Return a sort key: runs here, is made for these images, is the one to begin with, takes few epochs."""
    made_for = preset.values.get("data", {}).get("source", FIRST_PRESET)
    epochs = 0 if preset.adapts else preset.values.get("training", {}).get("epochs", sys.maxsize)
    matches = made_for == source or (own_images(made_for) and own_images(source))
    return preset.wants_gpu and not gpu, not matches, preset.name != FIRST_PRESET, epochs, preset.name


def _card(preset: Preset) -> dict[str, str]:
    return {"name": preset.name, "title": preset.title, "description": preset.description}
