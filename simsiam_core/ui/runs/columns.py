"""The columns of the list of runs: what each shows of a run, and what it is sorted and filtered by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Any

from simsiam_core.config.sections.network import RESNETS
from simsiam_core.metrics import Metric, in_order
from simsiam_core.runs import BUNDLED, Notes, Recent, RunDirectory, Status
from simsiam_core.ui.runs.settings import values
from simsiam_core.ui.text import moment, rename, run_name

MEASURED: dict[str, Metric] = {metric.key: metric for metric in in_order() if metric.column}
COLUMNS = {
    "state": "State",
    **{key: metric.column for key, metric in MEASURED.items()},
    "epochs": "Epochs",
    "batch": "Batch",
    "lr": "LR",
    "method": "Method",
    "backbone": "Backbone",
    "data": "Images",
    "seed": "Seed",
    "tags": "Tags",
    "group": "Group",
    "created": "Created",
}
SHOWN = (
    "state",
    *MEASURED,
    "epochs",
    "batch",
    "lr",
    "backbone",
    "data",
    "tags",
    "created",
)  # if none are chosen
NUMBERS = (*MEASURED, "epochs", "batch", "lr", "seed")
OF_ITS_TRAINING = ("epochs", "batch", "lr", "seed", "method")  # which an imported network did not get here


@dataclass(frozen=True)
class Row:
    """A run as it is listed: texts by column, and what they are sorted and filtered by, where that is no text."""

    id: str
    name: str
    cells: Mapping[str, str]
    numbers: Mapping[str, float] = field(default_factory=dict)  # by column
    settings: Mapping[str, Any] = field(default_factory=dict)  # by path; empty if they have not been read yet
    complete: bool = True  # whether settings and notes have been read
    version: tuple[tuple[int, int], ...] = ()  # of the files that these were read from

    @cached_property
    def words(self) -> str:
        """All that a search for a word looks at, in small letters."""
        return " ".join((self.name, self.id, *self.cells.values())).lower()


def row(run: RunDirectory, status: Status, recent: Recent) -> Row:
    """Read all of a run that the list shows."""
    version = run.written_version()  # before they are read: what is written meanwhile is read again
    notes, settings = run.notes(), values(run)
    rename(run.id, notes.name)
    learning_rate = settings.get("optimiser.base_lr", 0) * settings.get("training.batch_size", 0) / 256
    cells = {
        **_known(status, recent),
        "epochs": str(settings.get("training.epochs", "")),
        "batch": str(settings.get("training.batch_size", "")),
        "lr": f"{learning_rate:.3g}" if learning_rate else "",
        "method": str(settings.get("objective.method", "")),
        "backbone": _network(settings),
        "data": _images(run, settings, notes),
        "seed": str(settings.get("training.seed", "")),
        "tags": ", ".join(notes.tags),
        "group": notes.group,
    }
    numbers = {
        **_numbers(status, recent),
        "epochs": settings.get("training.epochs"),
        "batch": settings.get("training.batch_size"),
        "lr": learning_rate,
        "seed": settings.get("training.seed"),
    }
    if run.imported:
        cells |= dict.fromkeys(OF_ITS_TRAINING, "")
        numbers = {key: number for key, number in numbers.items() if key not in OF_ITS_TRAINING}
    found = {key: float(number) for key, number in numbers.items() if number is not None}
    return Row(run.id, run_name(run.id), cells, found, settings, version=version)


def first_row(run: RunDirectory, status: Status, recent: Recent) -> Row:
    """Return what is known of a run without opening another file of it."""
    return Row(run.id, run_name(run.id), _known(status, recent), _numbers(status, recent), complete=False)


def _known(status: Status, recent: Recent) -> dict[str, str]:
    measured = {
        key: metric.text(recent.values[metric.name]) if metric.name in recent.values else ""
        for key, metric in MEASURED.items()
    }
    progress = f" {status.progress:.0%}" if status.active else ""
    created = moment(status.created) if status.created else ""
    return {"state": status.state + progress, **measured, "created": created}


def _numbers(status: Status, recent: Recent) -> dict[str, float]:
    measured = {key: recent.values[m.name] for key, m in MEASURED.items() if m.name in recent.values}
    return {**measured, "created": status.created}


def _network(settings: Mapping[str, Any]) -> str:
    """The backbone, with the width where it has one of its own choice."""
    backbone = str(settings.get("model.backbone", ""))
    return f"{backbone}, {settings.get('model.width', '')}" if backbone in RESNETS else backbone


def _images(run: RunDirectory, settings: Mapping[str, Any], notes: Notes) -> str:
    """What it was trained on: the source, or the name of one's own folder or file."""
    if run.id == BUNDLED:  # its config names the images that it shows
        trained_on = [tag.removeprefix("trained on ") for tag in notes.tags if tag.startswith("trained on ")]
        return ", ".join(trained_on) or str(settings.get("data.source", ""))
    path = settings.get("data.path")
    return PurePath(str(path)).name if path else str(settings.get("data.source", ""))
