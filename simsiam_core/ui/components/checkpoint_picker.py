"""A run's checkpoints by name, and which other networks may be compared with one of them."""

from __future__ import annotations

from simsiam_core.features.folder_split import folder_of
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.context import Context
from simsiam_core.ui.text import run_name

NO_RUNS = "No run has a checkpoint yet. Start one on the Train tab; the first checkpoint comes at once."
OTHERS_LISTED = 60  # networks that are offered to be compared with
Network = tuple[RunDirectory, str]


def others(context: Context, run: RunDirectory, images: str) -> list[tuple[str, str]]:
    """What may be compared with a run's checkpoint on some images: its others, and the newest of runs on the same data.

    The choices are as `network` reads them.
    """
    found = [(checkpoint_name(n), f"{run.id}|{n}") for n in in_order(run)]
    for other in context.store.runs():
        if len(found) >= OTHERS_LISTED:
            break
        if other.id != run.id and (names := in_order(other)) and _same_images(run, other, images):
            found.append((title(other, names[-1]), f"{other.id}|{names[-1]}"))
    return found


def _same_images(run: RunDirectory, other: RunDirectory, images: str) -> bool:
    """Whether two runs' networks can be shown the same images; each sees them at its own size."""
    if folder_of(images):
        return True
    try:
        ours, theirs = (one.config().data for one in (run, other))
    except RunError:
        return False
    sizes = {"image_size": ours.image_size, "stored_size": ours.stored_size}
    return theirs.model_copy(update=sizes) == ours


def network(context: Context, reference: str) -> Network:
    """The run and the checkpoint's name that a choice of `others` stands for. Raises RunError."""
    run_id, _, name = str(reference).partition("|")
    run = context.store.get(run_id)
    return run, run.checkpoint(name).name


def in_order(run: RunDirectory) -> list[str]:
    """Names in the order of training; `last` only where it is all there is."""
    names = [checkpoint.name for checkpoint in run.checkpoints()]
    return [name for name in names if name != "last"] or names


def checkpoint_name(name: str) -> str:
    """`epoch 10`, `last`."""
    return f"epoch {int(name.removeprefix('epoch='))}" if name.startswith("epoch=") else name


def title(run: RunDirectory, name: str) -> str:
    """`quick · 3f2a, epoch 10`."""
    return f"{run_name(run.id)}, {checkpoint_name(name)}"
