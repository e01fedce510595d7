"""A CSV of image paths with optional labels and splits, read into a listing."""

from __future__ import annotations

import csv
import io
import math
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simsiam_core.config import ConfigError
from simsiam_core.data.formats import SUFFIXES
from simsiam_core.data.given_path import given_path
from simsiam_core.data.left_out import LeftOut
from simsiam_core.data.listing import Listing
from simsiam_core.data.rows import LABEL_COLUMNS, Row, column_named, listing_of_rows
from simsiam_core.data.scan import ScanTimeoutError
from simsiam_core.data.split_names import split_name
from simsiam_core.names import original, printable

PATH_COLUMNS = (
    "path",
    "file_name",
    "filename",
    "file",
    "filepath",
    "file_path",
    "image",
    "image_path",
    "img",
)
SPLIT_COLUMNS = ("split", "set", "subset", "partition")
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class _Columns:
    """Positions of the columns, and whether the first line holds their names."""

    path: int
    label: int | None
    split: int | None
    header: bool
    why: str


def list_csv(path: str, seconds: float = math.inf) -> Listing:
    """List the images that a CSV names; relative paths count from its folder. Raises ConfigError at data.path.

    The columns are found by their names (`PATH_COLUMNS`, `LABEL_COLUMNS`, `SPLIT_COLUMNS`); without a line of
    names, the first column holds paths and the second labels. Ids are the paths as written, with forward
    slashes. Files that are not there are left out by name. Raises ScanTimeoutError after `seconds`.
    """
    table = given_path(path, "file")
    if table.is_dir():
        raise ConfigError.at("data.path", f"{printable(str(table))} is a folder; give the CSV file itself.")
    lines = _lines(table)
    columns = _columns(table, lines[0][1])
    rows, files, left_out, seen = list[Row](), list[tuple[str, int, int]](), list[LeftOut](), set[str]()
    deadline = time.monotonic() + seconds
    for number, cells in lines[columns.header :]:
        if time.monotonic() > deadline:
            raise ScanTimeoutError
        given = _cell(cells, columns.path)
        image_id = printable(given.replace("\\", "/") if os.sep == "/" and "/" not in given else given)
        reason, size, mtime = _file(table.parent, image_id) if given else ("no path", 0, 0)
        if image_id in seen:
            reason = "named more than once; the first line counts"
        if reason:
            left_out.append(LeftOut(f"{image_id or 'line'} (line {number})", reason))
            continue
        seen.add(image_id)
        split = split_name(_cell(cells, columns.split))
        rows.append(
            Row(image_id, split.role if split else None, printable(_cell(cells, columns.label)) or None)
        )
        files.append((image_id, size, mtime))

    def encoded(ids: Sequence[str]) -> Iterator[Path]:
        return (table.parent / original(image_id) for image_id in ids)

    return listing_of_rows(table, rows, files, encoded, why=columns.why, left_out=left_out)


def _lines(table: Path) -> list[tuple[int, list[str]]]:
    """Return the cells of every line that has any, with its number. Raises ConfigError if it is no CSV."""
    try:
        text = table.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        message = f"{printable(str(table))} is no text in UTF-8; save it as CSV in UTF-8."
        raise ConfigError.at("data.path", message) from None
    except OSError as error:
        message = f"{printable(str(table))} cannot be read: {error.strerror or error}."
        raise ConfigError.at("data.path", message) from None
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        message = f"{printable(str(table))} is no CSV: line {reader.line_num}, {error}."
        raise ConfigError.at("data.path", message) from None
    if not lines:
        raise ConfigError.at(
            "data.path", f"{printable(str(table))} is empty; it must name images, one a line."
        )
    return lines


def _columns(table: Path, first: list[str]) -> _Columns:
    """Find the columns by the first line. Raises ConfigError if none holds paths."""

    def place(known: Sequence[str]) -> int | None:
        name = column_named(first, known)
        return None if name is None else first.index(name)

    path = place(PATH_COLUMNS)
    if path is not None:
        label, split = place(LABEL_COLUMNS), place(SPLIT_COLUMNS)
        labelled = f"; labels are in the column {first[label].strip()}" if label is not None else ""
        divided = f"; splits in {first[split].strip()}" if split is not None else ""
        why = f"Paths are in the column {first[path].strip()}{labelled}{divided}."
        return _Columns(path, label, split, True, why)
    if Path(first[0].strip()).suffix.lower() in SUFFIXES:
        label = 1 if len(first) > 1 else None
        why = "The first column holds paths" + (", the second labels." if label else ".")
        return _Columns(0, label, None, False, why)
    names = ", ".join(printable(cell.strip()) for cell in first[:10])
    raise ConfigError.at(
        "data.path",
        f"{printable(str(table))} has no column of paths; name one of its columns path (they are: {names}).",
    )


def _cell(cells: list[str], place: int | None) -> str:
    return cells[place].strip() if place is not None and place < len(cells) else ""


def _file(folder: Path, image_id: str) -> tuple[str, int, int]:
    """Return why a file cannot be used ("" if it can), its bytes and its mtime in ns."""
    try:
        status = os.stat(folder / original(image_id))
    except FileNotFoundError:
        return "a file that is not there", 0, 0
    except (OSError, ValueError) as error:
        return f"a file that cannot be looked at: {getattr(error, 'strerror', None) or error}", 0, 0
    if not stat.S_ISREG(status.st_mode):
        return "a folder, pipe or device, not a file", 0, 0
    return ("an empty file" if status.st_size == 0 else ""), status.st_size, status.st_mtime_ns
