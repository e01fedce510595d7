"""Which network the pages look into, and on which images: one choice for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simsiam_core.data.sources import SOURCES
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.components import image_banks
from simsiam_core.ui.components.checkpoint_picker import checkpoint_name, in_order
from simsiam_core.ui.context import Context
from simsiam_core.ui.text import run_name

FIRST_IMAGES = "train"  # of a run's data


@dataclass(frozen=True)
class ChosenNetwork:
    """A run by id, the name of one of its checkpoints as it stands on disk, and images as `image_banks` names them.

    The checkpoint is pinned: `epoch=0010`, and `last`, which training replaces, only where it is all there is.
    """

    run: str
    checkpoint: str
    images: str = FIRST_IMAGES

    def title(self, context: Context) -> str:
        """`quick · 3f2a · epoch 10 · training images`: the caption of every result that belongs to it."""
        images = image_banks.split_name(self.images)
        return f"{run_name(self.run)} · {checkpoint_name(self.checkpoint)} · {images}"

    def address(self) -> dict[str, str]:
        """As the page's address names it; a value for `Page.link`."""
        return {"run": self.run, "checkpoint": self.checkpoint, "images": self.images}

    def directory(self, context: Context) -> RunDirectory:
        """Its run. Raises RunError where that is gone."""
        return context.store.get(self.run)


def newest(context: Context, images: str = FIRST_IMAGES) -> ChosenNetwork | None:
    """The newest run that has a checkpoint; None where there is none."""
    for run in context.snapshots.look().runs:
        if checkpoints := in_order(run):
            return ChosenNetwork(run.id, checkpoints[-1], images)
    return None


def of_run(
    context: Context, run_id: Any, checkpoint: Any = None, images: Any = FIRST_IMAGES
) -> tuple[ChosenNetwork | None, str]:
    """The network that somebody names, and a sentence about what of it is not there; the names are not trusted.

    Without a checkpoint it is the run's newest. Where the run is gone or has no checkpoint there is no network: that
    of another run would pass for it.
    """
    known = context.known(run_id)
    if known is None:
        return (
            None,
            f"There is no run “{run_id}” here; it may have been deleted or renamed. Choose another one.",
        )
    names = in_order(context.store.get(known))
    if not names:
        return None, f"{run_name(known)} has no checkpoint yet; its first one comes as training starts."
    name, trouble = names[-1], ""
    if checkpoint in names:
        name = checkpoint
    elif checkpoint not in (None, "", "last"):
        trouble = f"{run_name(known)} has no checkpoint “{checkpoint}”; this is its newest, {checkpoint_name(name)}."
    if images not in [value for _, value in image_banks.banks(context)]:
        trouble = (
            trouble or f"“{images}” is not among the images that can be searched; these are training images."
        )
        images = FIRST_IMAGES
    return ChosenNetwork(known, name, str(images)), trouble


def source_title(source: str) -> str:
    """`CIFAR-10` for `cifar10`; a name that is no source's stays as it is."""
    return SOURCES.get(source).title if source in SOURCES.names else source


def newer_checkpoint(context: Context, network: ChosenNetwork) -> str | None:
    """The run's newest checkpoint, if that is not the chosen one; None also where the run is gone."""
    try:
        names = in_order(network.directory(context))
    except RunError:
        return None
    return names[-1] if names and names[-1] != network.checkpoint else None
