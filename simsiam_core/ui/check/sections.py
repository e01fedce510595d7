"""The three sections of Check data: what each lists, a page of it at a time, and what it says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simsiam_core.features.findings import Diagnosis, Finding
from simsiam_core.features.inspection import ImageRecord
from simsiam_core.runs.verdict import Verdict
from simsiam_core.ui.components.images import data_uri

AT_ONCE = 20  # findings on a page


@dataclass(frozen=True)
class Section:
    """A kind of finding: its heading, what it lists, and what it says where the network cannot be trusted."""

    title: str
    lists: str
    doubt: str
    folds: bool = True  # under that sentence, so that nobody takes the list for granted


SECTIONS = {
    "duplicates": Section(
        "Near-duplicates",
        "pairs of images, also across training and test images, the most alike first",
        "Pairs are compared by pixels, too, so those at the top may still be copies of each other.",
        folds=False,
    ),
    "labels": Section(
        "Suspicious labels",
        "images whose label neither their neighbours nor a classifier believes, the least believed first",
        "What it finds suspicious is more likely its own mistake than a wrong label.",
    ),
    "outliers": Section(
        "Outliers",
        "images far from all others, the farthest first",
        "Far by these features need not be unusual to a person.",
    ),
}


def section(
    kind: str, found: Diagnosis, start: int, shown: Sequence[Finding], verdict: Verdict
) -> dict[str, Any]:
    """The value of a section's widget: the findings from `start`, with pixels, of those of a kind.

    Below a network that is not to be trusted the list is folded under a sentence that says so.
    """
    text, total = SECTIONS[kind], found.found[kind]
    listed = len(getattr(found, kind))
    more = f" The first {listed:,} can be looked at." if total > listed else ""
    said = f" {found.notes[kind]}" if kind in found.notes else ""
    doubt = f"{verdict.sentence} {text.doubt}" if verdict.level == "bad" and shown else ""
    note = f"{total:,} of {found.checked:,}: {text.lists}.{more}{said}"
    return {
        "rows": [_row(finding) for finding in shown],
        "note": note if text.folds else f"{note} {doubt}".strip(),
        "doubt": doubt if text.folds else "",
        "empty": said.strip() or "Nothing found at this threshold.",
        "start": start,
        "listed": listed,
        "atOnce": AT_ONCE,
    }


def unasked(kind: str) -> dict[str, Any]:
    """The value before the first check, and after one that failed."""
    return {"rows": [], "empty": f"Press Check to find {SECTIONS[kind].lists}."}


def page_of(kind: str, found: Diagnosis, start: int) -> tuple[Finding, ...]:
    """The findings of a kind from `start` on, as many as are shown at a time; the first where `start` is none."""
    every: tuple[Finding, ...] = getattr(found, kind)
    start = start if 0 <= start < len(every) else 0
    return every[start : start + AT_ONCE]


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "image": _shown(finding.image),
        "title": f"{finding.image.label or ''} → {finding.suggested}" if finding.suggested else "",
        "note": finding.note,
        "evidence": [_shown(image) for image in finding.evidence],
    }


def _shown(image: ImageRecord) -> dict[str, Any]:
    return {"id": image.id, "src": data_uri(image.pixels), "label": image.label}
