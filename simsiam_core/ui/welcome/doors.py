"""The three doors: what each leads to, and whether it can be opened here."""

from __future__ import annotations

from typing import Any

from simsiam_core.runs import BUNDLED
from simsiam_core.ui.components.checkpoint_picker import in_order
from simsiam_core.ui.context import READ_ONLY, Context
from simsiam_core.ui.context_bar.network import ChosenNetwork

UNPACKING = "The bundled network is being unpacked; a few seconds."
NOT_HERE = "The bundled network is not among the runs here."


def doors(context: Context) -> dict[str, Any]:
    """The value of the component: each door's title, text and button, and why it is shut, if it is."""
    only_looks = READ_ONLY if context.scheduler is None else ""
    return {
        "doors": [
            {
                "name": "look",
                "title": "Look inside a trained network",
                "text": "A small network that was trained on 50,000 photographs without a label. See which images it "
                "finds alike, on a map and as neighbours of any picture of yours.",
                "button": "Open its map",
                "shut": "" if bundled(context) else UNPACKING if context.unpacking else NOT_HERE,
            },
            {
                "name": "train",
                "title": "Train on my images",
                "text": "Drop a folder or a zip of pictures, see what was understood of it, and start a run. Labels "
                "are not needed; with a folder for each class the page also says how good the network is.",
                "button": "Choose images",
                "shut": only_looks,
            },
            {
                "name": "quick",
                "title": "See it learn in two minutes",
                "text": "Train a small network from nothing on ten kinds of texture, and watch its accuracy rise "
                "from a guess. Nothing is downloaded.",
                "button": "Start now",
                "shut": only_looks,
            },
        ],
        "repeat": "Show this page at the start",
    }


def bundled(context: Context) -> ChosenNetwork | None:
    """The network of the first door, if it is among the runs."""
    run_id = context.known(BUNDLED)
    names = in_order(context.store.get(run_id)) if run_id else []
    return ChosenNetwork(BUNDLED, names[-1]) if names else None
