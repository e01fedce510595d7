"""Results of the data checks, as dataclasses and as CSV. Does not need torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from simsiam_core.features.escaping import csv_text
from simsiam_core.features.inspection import ImageRecord

COLUMNS = ("id", "label", "score", "suggested", "evidence", "note")


@dataclass(frozen=True)
class Finding:
    """A flagged image: `score` ranks it, `evidence` holds related images, `note` is the reason in words."""

    image: ImageRecord
    score: float
    note: str
    evidence: tuple[ImageRecord, ...]
    suggested: str | None = None  # for a suspicious label: the class predicted instead


@dataclass(frozen=True)
class Diagnosis:
    """Findings of each kind, worst first, truncated to the limit; `found` holds the full counts.

    `notes` maps each kind to what could not be checked, and why.
    """

    duplicates: tuple[Finding, ...]
    outliers: tuple[Finding, ...]
    labels: tuple[Finding, ...]
    found: dict[str, int]
    checked: int
    notes: Mapping[str, str] = field(default_factory=dict)


def findings_csv(findings: Iterable[Finding]) -> str:
    """Return a CSV table with one row per finding.

    Evidence ids are a JSON list, since an id may contain spaces and commas.
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
