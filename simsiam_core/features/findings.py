"""What a check of the data finds, as plain data and as a table. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from simsiam_core.features.escaping import csv_text
from simsiam_core.features.inspection import ImageRecord

COLUMNS = ("id", "label", "score", "suggested", "evidence", "note")


@dataclass(frozen=True)
class Finding:
    """One image and why it is here: `score` ranks it, `evidence` are other images, `note` says it in words."""

    image: ImageRecord
    score: float
    note: str
    evidence: tuple[ImageRecord, ...]
    suggested: str | None = None  # the label the vote chose, of a suspicious label


@dataclass(frozen=True)
class Diagnosis:
    """Findings of each kind, the worst first, cut to the limit; `found` counts them uncut.

    `notes` say by kind what could not be checked, and why.
    """

    duplicates: tuple[Finding, ...]
    outliers: tuple[Finding, ...]
    labels: tuple[Finding, ...]
    found: dict[str, int]
    checked: int
    notes: Mapping[str, str] = field(default_factory=dict)


def findings_csv(findings: Iterable[Finding]) -> str:
    """Return a table with a row for each finding.

    The ids of its evidence are a JSON list, since an id may hold spaces and commas.
    """
    rows = [
        (
            found.image.id,
            found.image.label or "",
            f"{found.score:.5f}",
            found.suggested or "",
            json.dumps([image.id for image in found.evidence], ensure_ascii=False),
            found.note,
        )
        for found in findings
    ]
    return csv_text(COLUMNS, rows)
