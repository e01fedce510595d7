"""Summary of an image folder's recognised layout, before decoding: for the terminal, the page and the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simsiam_core.data.left_out import LeftOut, by_reason, listed

CLASSES_COUNTED = 8  # maximum number of classes listed with counts in the summary
REASONS = 3  # maximum number of reasons for leaving files out in the summary


@dataclass(frozen=True)
class ClassCount:
    """A class with its numbers of training and test images."""

    name: str
    train: int
    test: int

    @property
    def images(self) -> int:
        """Number of training and test images."""
        return self.train + self.test


@dataclass(frozen=True)
class FolderDescription:
    """A folder's classes (empty: no labels), counts, the reason for this reading, and what is left out.

    `held_out` is set if the test images were split off from the training images. All text is printable.
    """

    folder: str
    train: int
    test: int
    classes: tuple[ClassCount, ...]
    held_out: bool
    why: str
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    def summary(self) -> str:
        """Return `2 classes: cat 40, dog 38; train 70, test 8; left out: 3 files, because …`, on one line."""
        tested = f"test {self.test:,}" if self.test else "no test images"
        held = " (held out, about a tenth of each class)" if self.held_out and self.test else ""
        parts = [self._classes(), f"train {self.train:,}, {tested}{held}"]
        if self.left_out:
            reasons = [f"{reason} ({count:,})" for reason, count, _ in by_reason(self.left_out)]
            if len(reasons) > REASONS:
                reasons[REASONS:] = [f"{len(reasons) - REASONS} other reasons"]
            count = sum(one.files for one in self.left_out)
            folders = any(one.path.endswith("/") and one.files == 1 for one in self.left_out)
            singular, plural = ("file or folder", "files and folders") if folders else ("file", "files")
            parts.append(
                f"left out: {count:,} {singular if count == 1 else plural}, because {listed(reasons)}"
            )
        return "; ".join(parts)

    def _classes(self) -> str:
        number = len(self.classes)
        if not number:
            return "no labels"
        if number <= CLASSES_COUNTED:
            return f"{number} classes: " + ", ".join(f"{c.name} {c.images:,}" for c in self.classes)
        counts = [c.images for c in self.classes]
        least, most = min(counts), max(counts)
        return f"{number:,} classes of {f'{least:,} to ' * (least < most)}{most:,} image{'s' * (most > 1)}"

    def lines(self) -> tuple[str, ...]:
        """Return the description in sentences, without the names of files left out (see `left_out_lines`)."""
        return tuple(text for text in (self.summary() + ".", self.why, *self.notes) if text)

    def as_dict(self) -> dict[str, Any]:
        """Return the description as a dict for JSON."""
        return {
            "folder": self.folder,
            "summary": self.summary(),
            "why": self.why,
            "train": self.train,
            "test": self.test,
            "held_out": self.held_out,
            "classes": [{"name": c.name, "train": c.train, "test": c.test} for c in self.classes],
            "notes": list(self.notes),
            "left_out": [{"path": o.path, "reason": o.reason, "files": o.files} for o in self.left_out],
        }
