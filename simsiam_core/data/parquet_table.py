"""Parquet files with a column of encoded images, laid out as by Hugging Face's `datasets`, read into a listing."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from simsiam_core.config import ConfigError
from simsiam_core.data.given_path import given_path
from simsiam_core.data.image_file import ImageError
from simsiam_core.data.left_out import LeftOut
from simsiam_core.data.listing import Listing
from simsiam_core.data.rows import LABEL_COLUMNS, Row, column_named, listing_of_rows
from simsiam_core.data.scan import ScanTimeoutError
from simsiam_core.data.split_names import split_name
from simsiam_core.names import printable

IMAGE_COLUMNS = ("image", "img", "images", "picture", "photo", "pixels", "bytes", "data")
_ROWS = 64  # read at once
_BUFFER = 1 << 20  # bytes read at once of a column, so that a row group as large as the file is not held


@dataclass(frozen=True)
class _Columns:
    """Names of the columns, and those of the classes where the schema holds them (`ClassLabel`)."""

    image: str
    inside: bool  # the bytes are a field of a struct
    label: str | None
    classes: tuple[str, ...]

    @property
    def selected(self) -> str:
        """The column of bytes, as pyarrow selects it."""
        return f"{self.image}.bytes" if self.inside else self.image


def list_parquet(path: str, seconds: float = math.inf) -> Listing:
    """List the images in a parquet file, or in all below a folder. Raises ConfigError at data.path.

    Images are a column of bytes or of `struct{bytes, path}`; files or folders called `train-…`, `test-…` or
    `validation-…` are splits. Only labels are read, no image. Ids are the file's path without its suffix, and
    the row: `train-00000-of-00002/000017`. Raises ScanTimeoutError after `seconds`.
    """
    root = given_path(path, "file or folder")
    paths = _paths(root)
    deadline, columns = time.monotonic() + seconds, _columns(paths[0])
    rows, files, left_out, by_name = list[Row](), list[tuple[str, int, int]](), list[LeftOut](), {}
    for file in paths:
        if time.monotonic() > deadline:
            raise ScanTimeoutError
        name = printable(file.relative_to(root if root.is_dir() else root.parent).with_suffix("").as_posix())
        with _opened(file) as parquet:
            if not _holds(parquet.schema_arrow, columns):
                reason = f"a file without the columns of {printable(paths[0].name)}"
                left_out.append(LeftOut(f"{name}.parquet", reason, max(1, parquet.metadata.num_rows)))
                continue
            labels = _labels(parquet, columns)
        split = split_name(file.stem) or split_name(file.parent.name if file.parent != root else "")
        role = split.role if split else None
        rows += [Row(f"{name}/{number:06d}", role, label) for number, label in enumerate(labels)]
        status = file.stat()
        files.append((name, status.st_size, status.st_mtime_ns))
        by_name[name] = file
    labelled = f"; labels are in {printable(columns.label)}" if columns.label else ""
    return listing_of_rows(
        root,
        rows,
        files,
        lambda ids: _encoded(by_name, columns, ids),
        why=f"Images are in the column {printable(columns.image)}{labelled}.",
        names=columns.classes,
        left_out=left_out,
    )


def _paths(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    found = sorted(
        file
        for file in root.rglob("*.parquet")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(root).parts)
    )
    if not found:
        raise ConfigError.at("data.path", f"{printable(str(root))} holds no .parquet files.")
    return found


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Open a parquet file. Raises ConfigError if pyarrow is missing, or if the file cannot be read."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        message = "The source 'parquet' needs the package pyarrow; install it with pip install pyarrow."
        raise ConfigError.at("data.source", message) from None
    try:
        # pyarrow cannot open paths that are not UTF-8
        with file.open("rb") as opened, parquet.ParquetFile(opened, buffer_size=_BUFFER) as found:
            yield found
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0].rstrip(". ") if str(error) else type(error).__name__
        raise ConfigError.at(
            "data.path",
            f"{printable(str(file))} is damaged, or ends early ({reason}); get the file again.",
        ) from None


def _columns(first: Path) -> _Columns:
    """Find the columns in the first file's schema. Raises ConfigError if none can hold images."""
    import pyarrow as pa

    with _opened(first) as parquet:
        schema = parquet.schema_arrow
    features = _features(schema.metadata or {})
    inside = {f.name: pa.types.is_struct(f.type) for f in schema if _may_hold_images(f.type)}
    declared = [name for name in inside if _kind(features, name) == "Image"]
    image = column_named(declared or inside, IMAGE_COLUMNS) or next(iter(declared or inside), None)
    if image is None:
        known = ", ".join(f"{printable(f.name)} ({str(f.type)[:40]})" for f in list(schema)[:10])
        raise ConfigError.at(
            "data.path",
            f"{printable(str(first))} has no column of images; images are a column of bytes, or of bytes and path, "
            f"and these are {known or 'none'}.",
        )
    labels = [f.name for f in schema if _may_be_labels(f.type) and f.name != image]
    classes = [name for name in labels if _kind(features, name) == "ClassLabel"]
    label = column_named(classes, LABEL_COLUMNS) or next(iter(classes), None)
    label = label or column_named(labels, LABEL_COLUMNS)
    names = features[label].get("names", []) if label in classes and label else []
    return _Columns(image, inside[image], label, tuple(map(str, names)))


def _features(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the features that Hugging Face's `datasets` keeps in a schema's metadata, by column."""
    try:
        found = json.loads(metadata[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}


def _kind(features: Mapping[str, Any], name: str) -> str:
    return str(features.get(name, {}).get("_type", ""))


def _may_hold_images(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _may_hold_images(field.type) for field in kind.fields)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _may_be_labels(kind: Any) -> bool:
    import pyarrow as pa

    of = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean)
    return any(test(of) for test in tests)


def _holds(schema: Any, columns: _Columns) -> bool:
    import pyarrow as pa

    names = set(schema.names)
    if columns.image not in names or (columns.label and columns.label not in names):
        return False
    kind = schema.field(columns.image).type
    return _may_hold_images(kind) and pa.types.is_struct(kind) == columns.inside


def _labels(parquet: Any, columns: _Columns) -> list[str | None]:
    """Return the label of every row; None where there is none."""
    if columns.label is None:
        return [None] * parquet.metadata.num_rows
    names = columns.classes
    found = parquet.read(columns=[columns.label]).column(0).to_pylist()
    return [
        None
        if label is None or (names and label == -1)  # Hugging Face's mark of an unknown label
        else names[label]
        if isinstance(label, int) and 0 <= label < len(names)
        else printable(str(label))
        for label in found
    ]


def _encoded(
    files: Mapping[str, Path], columns: _Columns, ids: Sequence[str]
) -> Iterator[bytes | ImageError]:
    for name, group in groupby(ids, key=lambda image_id: image_id.rpartition("/")[0]):
        wanted = [int(image_id.rpartition("/")[2]) for image_id in group]
        with _opened(files[name]) as parquet:
            yield from _rows(parquet, columns, wanted)


def _rows(parquet: Any, columns: _Columns, wanted: Sequence[int]) -> Iterator[bytes | ImageError]:
    """Yield the bytes of the wanted rows, which ascend; row groups without any of them are not read."""
    start, place = 0, 0
    for group in range(parquet.num_row_groups):
        end = start + parquet.metadata.row_group(group).num_rows
        if place < len(wanted) and wanted[place] < end:
            first = start
            for batch in parquet.iter_batches(_ROWS, row_groups=[group], columns=[columns.selected]):
                values = batch.column(0)
                while place < len(wanted) and wanted[place] < first + len(values):
                    value = values[wanted[place] - first].as_py()
                    found = value.get("bytes") if isinstance(value, dict) else value
                    yield found if found else ImageError("The row holds no bytes.")
                    place += 1
                first += len(values)
        start = end
