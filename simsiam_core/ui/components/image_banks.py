"""One's own images as a bank: a folder below the allowed root, or a zip; anything else is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from simsiam_core.config.cache import cache_dir
from simsiam_core.features.folder_split import folder_of, folder_split
from simsiam_core.features.unpacking import recorded
from simsiam_core.features.worker import WorkError
from simsiam_core.names import printable
from simsiam_core.ui.context import Context

SPLITS = [("training images", "train"), ("test images", "test")]
MAX_ZIP_BYTES = 500 * 2**20
LISTED = 200


def banks(context: Context) -> list[tuple[str, str]]:
    """What can be searched: the splits, the folders below the root, and zips that were dropped here."""
    found = list(SPLITS)
    if context.bank_root is not None and context.bank_root.is_dir():
        root = context.bank_root.resolve()
        folders = sorted(p for p in root.iterdir() if p.is_dir() and p.resolve().is_relative_to(root))
        found += [(f"folder {printable(p.name)}", folder_split(str(p.resolve()))) for p in folders[:LISTED]]
    zips = cache_dir() / "own"
    if zips.is_dir():
        unpacked = [recorded(p.resolve()) for p in sorted(zips.iterdir()) if _whole(p)]
        found += [(f"zip {one.name}", folder_split(one.folder)) for one in unpacked]
    return found


def chooser(elem_id: str, label: str) -> gr.Dropdown:
    """A box for what is looked at; `refreshed` brings its choices up to date."""
    return gr.Dropdown(SPLITS, value="train", label=label, allow_custom_value=True, elem_id=elem_id)


def refreshed(context: Context, chosen: str) -> Any:
    """An update of such a box; what is chosen stays so as long as it is there."""
    found = banks(context)
    return gr.update(choices=found, value=chosen if chosen in [value for _, value in found] else "train")


def allowed(context: Context, split: Any) -> str:
    """A bank as the page names it, if it is one of those offered. Raises WorkError."""
    if split not in [value for _, value in banks(context)]:
        raise WorkError("That is not one of the folders that can be searched; choose one from the list.")
    return str(split)


def split_name(split: str) -> str:
    """`training images`, `test images`, or what is in a folder, by its name."""
    known = {value: title for title, value in SPLITS}
    folder = Path(folder_of(split) or split)
    return known.get(split) or f"images of {recorded(folder).name if _is_zip(folder) else folder.name}"


def _is_zip(folder: Path) -> bool:
    return folder.parent == (cache_dir() / "own").resolve()


def _whole(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith("partial-")
