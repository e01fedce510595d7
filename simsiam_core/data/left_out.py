"""Files of an image folder that are not used, with reasons, so that every omission is reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NAMED = 5  # names listed in a sentence; the rest are counted


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that is not used: its path from the root, the reason, and its number of images.

    The path of a folder ends in a slash.
    """

    path: str
    reason: str
    files: int = 1

    def __str__(self) -> str:
        """Return `path: reason`."""
        return f"{self.path}: {self.reason}"


def by_reason(left_out: Iterable[LeftOut]) -> list[tuple[str, int, list[LeftOut]]]:
    """Group left-out files by reason, most frequent first, as (reason, number of files, entries)."""
    groups: dict[str, list[LeftOut]] = {}
    for one in left_out:
        groups.setdefault(one.reason, []).append(one)
    counted = [(reason, sum(one.files for one in ones), ones) for reason, ones in groups.items()]
    return sorted(counted, key=lambda group: -group[1])


def left_out_lines(left_out: Iterable[LeftOut], named: int | None = NAMED) -> Iterator[str]:
    """Yield a line per reason, with the first `named` names."""
    for reason, count, ones in by_reason(left_out):
        names = (o.path if o.files == 1 else f"{o.path} ({o.files:,} images)" for o in ones)
        yield f"Left out {count:,}, {reason}: {listed(names, named)}"


def listed(names: Iterable[str], most: int | None = NAMED) -> str:
    """Join names as `a, b and c`, or the first few `and 7 more`; all of them if `most` is None."""
    shown = list(names)
    if most is not None and len(shown) > most:
        return f"{', '.join(shown[:most])} and {len(shown) - most:,} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1] if shown else "")))
