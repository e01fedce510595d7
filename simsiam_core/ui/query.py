"""What is asked about: an uploaded file or a picture of the data set, the whole of it or a part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_UPLOAD_BYTES = 20 * 2**20


@dataclass(frozen=True)
class Query:
    """A file that was uploaded, or the id of a picture; `region` is (left, top, side) in shares of the picture."""

    file: Path | None = None
    id: str | None = None
    region: tuple[float, float, float] | None = None

    def content(self) -> bytes | str:
        """As the worker takes it; the bytes are decoded there, never here."""
        return self.file.read_bytes() if self.file else self.id or ""


def region_of(value: object) -> tuple[float, float, float] | None:
    """A region as the page sends it; None for anything that is none. The worker checks its limits."""
    if isinstance(value, list | tuple) and len(value) == 3 and all(isinstance(v, int | float) for v in value):
        left, top, side = (round(float(v), 4) for v in value)
        return left, top, side
    return None
