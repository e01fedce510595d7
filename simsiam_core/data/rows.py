"""Images listed row by row in a table, with optional labels and splits, sorted into a listing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simsiam_core.config import ConfigError
from simsiam_core.data.image_set import Encoded
from simsiam_core.data.layout import Layout
from simsiam_core.data.left_out import LeftOut, by_reason, listed
from simsiam_core.data.listing import Listing, describe, hold_out
from simsiam_core.data.split_names import TEST, TRAIN, VALIDATION
from simsiam_core.names import printable

LABEL_COLUMNS = ("label", "labels", "class", "class_name", "fine_label", "category", "target", "y")
_WHOLE_NUMBER = re.compile(r"-?\d+")


@dataclass(frozen=True)
class Row:
    """An image of a table: its id, its split if it has one (see `split_names`), and its label if it has one."""

    id: str
    split: str | None
    label: str | None


def listing_of_rows(
    root: Path,
    rows: Sequence[Row],
    files: list[tuple[str, int, int]],
    encoded: Callable[[Sequence[str]], Iterator[Encoded]],
    *,
    why: str,
    names: Sequence[str] = (),
    left_out: Sequence[LeftOut] = (),
) -> Listing:
    """Sort rows into splits and classes; a tenth is held out if there are labels and no test images.

    Rows without a split are training images. If there are both validation and test images, the validation
    images are left out. Classes are in the order of `names`, else by number or name. Fewer than two mean no
    labels. Raises ConfigError at data.path if there is nothing to train on.
    """
    layout = _layout(rows, why)
    held_out = bool(layout.class_of) and not layout.test
    if held_out:
        layout = hold_out(layout)
    classes = sorted(layout.classes, key=_in_order(names))
    description = describe(root, layout, held_out, (), left_out, classes)
    if not layout.train:
        groups = [f"{reason} ({count:,})" for reason, count, _ in by_reason(description.left_out)]
        why_none = f" Left out: {listed(groups)}." if groups else ""
        raise ConfigError.at("data.path", f"{printable(str(root))} lists no images to train on.{why_none}")
    return Listing(root, layout.train, layout.test, layout.class_of, files, description, encoded)


def _layout(rows: Sequence[Row], why: str) -> Layout:
    counts = Counter(row.split or TRAIN for row in rows)
    if not counts[TRAIN]:  # the only split is what there is to train on
        only = TEST if counts[TEST] else VALIDATION
        roles: dict[str, str] = {only: TRAIN}
    else:
        roles = {TRAIN: TRAIN, (TEST if counts[TEST] else VALIDATION): TEST}
    named = {row.label for row in rows if row.label is not None and roles.get(row.split or TRAIN) == TRAIN}
    layout = Layout(why=why)
    if len(named) < 2:
        layout.notes.append(_no_labels(sorted(named)))
    unused = 0
    for row in rows:
        role = roles.get(row.split or TRAIN)
        if role is None:
            unused += 1
        elif len(named) > 1 and row.label is None:
            layout.left_out.append(LeftOut(row.id, "an image without a label"))
        else:
            (layout.train if role == TRAIN else layout.test).append(row.id)
            if len(named) > 1 and row.label is not None:
                layout.class_of[row.id] = row.label
    if unused:
        reason = "validation images, since there are test images as well"
        layout.left_out.append(LeftOut("validation/", reason, unused))
    return layout


def _no_labels(named: Sequence[str]) -> str:
    if named:
        return f"{named[0]} is the only label, and labels need two or more classes, so there are none."
    return "There is no column of labels, so there are no labels."


def _in_order(names: Sequence[str]) -> Callable[[str], tuple[int, int, str]]:
    """Return a sort key: the order of `names`, then numbers by value, then names."""
    position = {name: place for place, name in enumerate(names)}

    def key(name: str) -> tuple[int, int, str]:
        number = int(name) if _WHOLE_NUMBER.fullmatch(name) else 0
        return position.get(name, len(position)), number, name

    return key


def column_named(columns: Iterable[str], known: Sequence[str]) -> str | None:
    """Return the first of the `known` names that is among the columns, ignoring case; None if none is."""
    by_name = {column.strip().casefold(): column for column in reversed(list(columns))}
    return next((by_name[name] for name in known if name in by_name), None)
