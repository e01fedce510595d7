"""What is not used of a folder of images, and why: nothing is left out unnamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NAMED = 5  # named in a sentence; the others are counted


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that is not used: its path from the root, why, and how many images it stands for.

    The path of a folder ends in a slash.
    """

    path: str
    reason: str
    files: int = 1

    def __str__(self) -> str:
        """Return `path: reason`."""
        return f"{self.path}: {self.reason}"


def by_reason(left_out: Iterable[LeftOut]) -> list[tuple[str, int, list[LeftOut]]]:
    """Group what is left out by reason, the most frequent first: the reason, how many files, and what they are."""
    groups: dict[str, list[LeftOut]] = {}
    for one in left_out:
        groups.setdefault(one.reason, []).append(one)
    counted = [(reason, sum(one.files for one in ones), ones) for reason, ones in groups.items()]
    return sorted(counted, key=lambda group: -group[1])


def left_out_lines(left_out: Iterable[LeftOut], named: int | None = NAMED) -> Iterator[str]:
    """Make a line for each reason, with the first few of what is left out for it by name."""
    for reason, count, ones in by_reason(left_out):
        names = (o.path if o.files == 1 else f"{o.path} ({o.files:,} images)" for o in ones)
        yield f"Left out {count:,}, {reason}: {listed(names, named)}"


def listed(names: Iterable[str], most: int | None = NAMED) -> str:
    """Join as `a, b and c`, or the first few `and 7 more`; all of them where `most` is None."""
    shown = list(names)
    if most is not None and len(shown) > most:
        return f"{', '.join(shown[:most])} and {len(shown) - most:,} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1] if shown else "")))
