"""What was understood of foreign files, in plain values and sentences: for the terminal, the page and the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from simsiam_core.model.foreign.identification import title
from simsiam_core.model.foreign.matching import described
from simsiam_core.model.foreign.understanding import Understanding

GROUPS_SHOWN = 6  # groups of tensors that are left over


@dataclass(frozen=True)
class FileReport:
    """What was found in one file."""

    name: str
    sha256: str
    epoch: int | None
    network: str  # prefix of the network in the file
    layout: str
    matched: int
    total: int
    left_over: tuple[str, ...]  # groups of names
    left_over_count: int
    other_networks: tuple[str, ...]
    converted: str
    placeholders: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What was understood of files of one network, in the order of training."""

    backbone: str  # as in `model.backbone`
    stem: str
    title: str
    named: bool  # whether the first file itself mentions the network's name
    feature_dim: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    normalisation: str  # where mean and std are from
    equals: tuple[str, ...]  # further networks that fit as well
    files: tuple[FileReport, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report in plain values, as `imported.json` and `--json` have it."""
        return asdict(self)

    def lines(self) -> list[tuple[str, str]]:
        """Return what a person reads, as pairs of a heading and a sentence."""
        mean, std = (", ".join(f"{v:.3g}" for v in values) for values in (self.mean, self.std))
        found = [
            ("Network", f"{self.title}, {self.feature_dim:,} features" + ", named in the file" * self.named),
            ("Images", f"{self.image_size} px, mean {mean}, std {std} ({self.normalisation})"),
        ]
        if self.equals:
            found.append(("Also fits", "; ".join(self.equals)))
        for file in self.files:
            found += _lines_of(file, len(self.files) > 1)
        return found


def _lines_of(file: FileReport, several: bool) -> list[tuple[str, str]]:
    under = f" under {file.network.rstrip('.')!r}" if file.network else ""
    layout = f", {file.layout}" if file.layout else ""
    epoch = f", epoch {file.epoch}" if file.epoch is not None else ""
    named = f"{file.name}: " if several else ""
    found = [("Matched", f"{named}{file.matched} of {file.total} tensors{under}{layout}{epoch}")]
    if file.left_over:
        more = len(file.left_over) - GROUPS_SHOWN
        groups = ", ".join(file.left_over[:GROUPS_SHOWN]) + (f" and {more} more groups" if more > 0 else "")
        found.append(("Left over", f"{named}{file.left_over_count} tensors: {groups}"))
    if file.other_networks:
        names = ", ".join(name.rstrip(".") or "(no prefix)" for name in file.other_networks)
        found.append(("Not taken", f"{named}further networks in the file: {names}"))
    if file.converted:
        found.append(("Converted", f"{named}from {file.converted} to float32"))
    if file.placeholders:
        found.append(
            ("Not read", f"{named}objects of {', '.join(file.placeholders[:3])}, which are no tensors")
        )
    return found


def report(found: Sequence[Understanding]) -> Report:
    """Describe what was understood of at least one file."""
    first = found[0]
    return Report(
        backbone=first.model.backbone,
        stem=first.model.stem,
        title=title(first.model),
        named=first.named,
        feature_dim=first.feature_dim,
        image_size=first.images.image_size,
        mean=first.images.mean,
        std=first.images.std,
        normalisation=first.images.origin,
        equals=first.equals,
        files=tuple(_of_file(each) for each in found),
    )


def _of_file(understood: Understanding) -> FileReport:
    file, found = understood.file, understood.match
    return FileReport(
        name=file.name,
        sha256=file.sha256,
        epoch=understood.epoch,
        network=found.fit.prefix,
        layout=found.fit.layout,
        matched=found.matched,
        total=found.total,
        left_over=tuple(described([name.removeprefix(found.fit.prefix) for name in found.left_over])),
        left_over_count=len(found.left_over),
        other_networks=found.others,
        converted=found.converted,
        placeholders=file.placeholders,
    )
