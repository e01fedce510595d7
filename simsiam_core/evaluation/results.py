"""One table: what every checkpoint of every run reached, what the figures stand for, and what others published."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simsiam_core.evaluation.published import CIFAR10, Published
from simsiam_core.features.escaping import csv_text, latex_text, markdown_text
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.evaluations import results

FINE_TUNING = ("labels", "epochs", "lr", "head_lr", "scratch_lr")
# Column: its title, the kind of evaluation, its figure, and the parts of the stamp that, beside the seed, tell two
# figures apart.
COLUMNS = {
    "knn": ("kNN", "knn", "knn/accuracy", ("k", "temperature")),
    "linear": ("Linear", "linear", "linear/accuracy", ("protocol", "epochs")),
    "finetune": ("Fine-tuned", "finetune", "finetune/accuracy", FINE_TUNING),
    "scratch": ("From scratch", "finetune", "scratch/accuracy", FINE_TUNING),
}
NOT_HERE = "not measured here"


@dataclass(frozen=True)
class Figure:
    """An accuracy, 0 to 1, with what it stands for; `spread` is the std over `count` measurements."""

    value: float
    stamp: str
    seed: int | None = None  # of the evaluation; that of the training stands in the run's config
    spread: float | None = None
    count: int = 1

    @property
    def settings(self) -> str:
        """The whole stamp, with what decides chance."""
        if self.spread is not None:
            return f"{self.stamp}, n = {self.count}"
        return self.stamp if self.seed is None else f"{self.stamp}, seed {self.seed}"

    def __str__(self) -> str:
        plain = f"{self.value:.1%}".replace("%", " %")
        return f"{plain[:-2]} ± {100 * self.spread:.1f} %" if self.spread is not None else plain


@dataclass(frozen=True)
class Row:
    """One checkpoint (or several of equal configs, if `runs` are more than one)."""

    name: str
    runs: tuple[str, ...]
    epoch: int
    data: str
    figures: dict[str, Figure] = field(default_factory=dict)


def rows(runs: Iterable[RunDirectory]) -> list[Row]:
    """One row a run, epoch and set of stamps: the newest figure of each column under the same settings.

    Evaluations of one checkpoint under different settings (another share of labels, another protocol) take
    rows of their own, so no figure hides another.
    """
    found: list[Row] = []
    for run in runs:
        found += _rows_of(run)
    return found


def _rows_of(run: RunDirectory) -> list[Row]:
    uses_wall_clock: dict[int, dict[str, dict[str, Figure]]] = {}
    data = ""
    for result in results(run)[0]:
        try:
            epoch, stamp, figures = result["epoch"], result["stamp"], result["figures"]
            data = f"{stamp['data']}, {stamp['train_images']:,} / {stamp['test_images']:,}"
            columns = uses_wall_clock.setdefault(epoch, {})
            for key, (_, kind, figure, parts) in COLUMNS.items():
                if kind == result["kind"] and figure in figures:
                    text = ", ".join(f"{_short(part)} {stamp[part]}" for part in parts if part in stamp)
                    made = Figure(figures[figure], text, stamp.get("seed"))
                    columns.setdefault(key, {}).pop(made.settings, None)  # the newest of equal ones counts
                    columns[key][made.settings] = made
        except (KeyError, TypeError):
            continue  # a result of another version
    table = []
    for epoch, columns in sorted(uses_wall_clock.items(), reverse=True):
        lists = {key: list(figures.values()) for key, figures in columns.items()}
        table += [Row(run.id, (run.id,), epoch, data, figures) for figures in _side_by_side(lists)]
    return table


def _side_by_side(lists: Mapping[str, Sequence[Figure]]) -> list[dict[str, Figure]]:
    """Columns of unequal length as rows: the first of each, the second of each, …"""
    longest = max(map(len, lists.values()), default=0)
    return [
        {key: figures[index] for key, figures in lists.items() if index < len(figures)}
        for index in range(longest)
    ]


def _short(part: str) -> str:
    return {"temperature": "T", "protocol": "features"}.get(part, part.replace("_", " "))


def over_seeds(table: Sequence[Row], runs: Iterable[RunDirectory]) -> list[Row]:
    """Mean ± std over seeds: one more row for each config and epoch, beside the rows that it stands for.

    The seeds are those of the training (configs that differ in name and seed alone are the same) and those of the
    evaluation (of one checkpoint under equal settings). The std is that of the sample.
    """
    same: dict[str, list[RunDirectory]] = {}
    for run in runs:
        try:
            values = run.config().model_dump(mode="json")
        except RunError:
            continue
        values.pop("name")
        values["training"].pop("seed")
        same.setdefault(json.dumps(values, sort_keys=True), []).append(run)
    made = []
    for group in same.values():
        ids = {run.id for run in group}
        epochs = {row.epoch for row in table if row.name in ids}
        for epoch in sorted(epochs, reverse=True):
            members = [row for row in table if row.name in ids and row.epoch == epoch]
            several = "" if len(group) == 1 else f" of {len(group)} runs"
            name = f"mean over seeds{several}: {group[0].config().name or group[0].id}"
            means = {key: _means(members, key) for key in COLUMNS}
            made += [
                Row(name, tuple(sorted(ids)), epoch, members[0].data, figures)
                for figures in _side_by_side(means)
            ]
    return made


def _means(members: Sequence[Row], key: str) -> list[Figure]:
    """One for each stamp that was measured at least twice."""
    by_stamp: dict[str, list[float]] = {}
    for row in members:
        if key in row.figures:
            by_stamp.setdefault(row.figures[key].stamp, []).append(row.figures[key].value)
    return [
        Figure(statistics.mean(values), stamp, None, statistics.stdev(values), len(values))
        for stamp, values in by_stamp.items()
        if len(values) > 1
    ]


def damaged(runs: Iterable[RunDirectory]) -> list[str]:
    """What is left out because its file is damaged, a sentence each."""
    return [sentence for run in runs for sentence in results(run)[1]]


def table(runs: Sequence[RunDirectory]) -> list[Row]:
    """Rows over several seeds first, then every row, the newest run first."""
    every = rows(runs)
    return [*over_seeds(every, runs), *every]


# --- export -------------------------------------------------------------------------------------------------

HEADINGS = ("Network", "Epochs", "Images", *(title for title, *_ in COLUMNS.values()), "Settings")


def _cells(row: Row) -> list[str]:
    figures = [str(row.figures[key]) if key in row.figures else "" for key in COLUMNS]
    stamps = [f"{COLUMNS[k][0]}: {figure.settings}" for k, figure in row.figures.items() if k != "scratch"]
    return [
        row.name,
        str(row.epoch),
        row.data,
        *figures,
        "backbone features, test split; " + "; ".join(stamps),
    ]


def _published_cells(entry: Published) -> list[str]:
    percent = [f"{v} %" if v else "" for v in (entry.knn, entry.linear)]
    settings = ", ".join(filter(None, [NOT_HERE, f"batch {entry.batch}", entry.note]))
    return [entry.source, entry.epochs, "cifar10, 50,000 / 10,000", *percent, "", "", settings]


def cells(found: Sequence[Row], published: bool = True) -> list[list[str]]:
    """The table as text, under `HEADINGS`."""
    return [_cells(row) for row in found] + [_published_cells(p) for p in CIFAR10 if published]


def as_csv(found: Sequence[Row]) -> str:
    """Comma-separated, with headings."""
    return csv_text(HEADINGS, cells(found))


def as_markdown(found: Sequence[Row]) -> str:
    """A pipe table."""
    head, *body = [[markdown_text(cell) for cell in line] for line in (HEADINGS, *cells(found))]
    lines = [head, ["---"] * len(HEADINGS), *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def as_latex(found: Sequence[Row]) -> str:
    """A booktabs tabular."""
    lines = [[latex_text(cell) for cell in line] for line in (HEADINGS, *cells(found))]
    body = " \\\\\n".join(" & ".join(line) for line in lines[1:])
    head = " & ".join(lines[0])
    columns = "lrl" + "r" * len(COLUMNS) + "l"
    return (
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head} \\\\\n\\midrule\n{body} \\\\\n\\bottomrule\n"
        "\\end{tabular}\n"
    )


FORMATS: dict[str, Any] = {"csv": as_csv, "markdown": as_markdown, "latex": as_latex}
