"""Table of results: the figures of every checkpoint of every run, their settings, and published figures."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simsiam_core.evaluation.kinds import EVALUATIONS, Column, listed
from simsiam_core.evaluation.published import CIFAR10, Published
from simsiam_core.features.escaping import csv_text, latex_text, markdown_text
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.evaluations import results

COLUMNS: dict[str, Column] = {
    key: column for kind in listed().values() for key, column in kind.columns.items()
}
# Columns whose figures show their settings; the other columns of a kind share them.
STAMPED = {next(iter(kind.columns)) for kind in listed().values() if kind.columns}
NOT_HERE = "not measured here"


@dataclass(frozen=True)
class Figure:
    """Accuracy, 0 to 1, with its settings; `spread` is the std over `count` measurements."""

    value: float
    stamp: str
    seed: int | None = None  # of the evaluation; the training seed is in the run's config
    spread: float | None = None
    count: int = 1

    @property
    def settings(self) -> str:
        """Complete stamp, with the seed or the number of measurements."""
        if self.spread is not None:
            return f"{self.stamp}, n = {self.count}"
        return self.stamp if self.seed is None else f"{self.stamp}, seed {self.seed}"

    def __str__(self) -> str:
        plain = f"{self.value:.1%}".replace("%", " %")
        return f"{plain[:-2]} ± {100 * self.spread:.1f} %" if self.spread is not None else plain


@dataclass(frozen=True)
class Row:
    """Row for one checkpoint (or for several with equal configs, if there is more than one in `runs`)."""

    name: str
    runs: tuple[str, ...]
    epoch: int
    data: str
    figures: dict[str, Figure] = field(default_factory=dict)


def rows(runs: Iterable[RunDirectory]) -> list[Row]:
    """Make one row per run, epoch and set of stamps: each column's newest figure under the same settings.

    Evaluations of one checkpoint under different settings (another share of labels, another protocol) get
    their own rows, so no figure hides another.
    """
    found: list[Row] = []
    for run in runs:
        found += _rows_of(run)
    return found


def _rows_of(run: RunDirectory) -> list[Row]:
    by_epoch: dict[int, dict[str, dict[str, Figure]]] = {}
    data = ""
    for result in results(run)[0]:
        try:
            epoch, stamp, figures = result["epoch"], result["stamp"], result["figures"]
            data = f"{stamp['data']}, {stamp['train_images']:,} / {stamp['test_images']:,}"
            columns = by_epoch.setdefault(epoch, {})
            for key, made in figures_of(result["kind"], figures, stamp):
                columns.setdefault(key, {}).pop(made.settings, None)  # the newest of equal ones is kept
                columns[key][made.settings] = made
        except (KeyError, TypeError):
            continue  # written by another version
    table = []
    for epoch, columns in sorted(by_epoch.items(), reverse=True):
        lists = {key: list(figures.values()) for key, figures in columns.items()}
        table += [Row(run.id, (run.id,), epoch, data, figures) for figures in _side_by_side(lists)]
    return table


def figures_of(
    kind: str, figures: Mapping[str, float], stamp: Mapping[str, Any]
) -> Iterator[tuple[str, Figure]]:
    """Yield the columns that a result has a figure for; none if this version does not know its kind."""
    if kind not in EVALUATIONS.names:
        return
    for key, column in EVALUATIONS.get(kind).columns.items():
        if column.figure in figures:
            parts = [f"{_short(part)} {stamp[part]}" for part in column.stamp if part in stamp]
            yield key, Figure(figures[column.figure], ", ".join(parts), stamp.get("seed"))


def _side_by_side(lists: Mapping[str, Sequence[Figure]]) -> list[dict[str, Figure]]:
    """Turn columns of unequal length into rows: the first of each, the second of each, …"""
    longest = max(map(len, lists.values()), default=0)
    return [
        {key: figures[index] for key, figures in lists.items() if index < len(figures)}
        for index in range(longest)
    ]


def _short(part: str) -> str:
    return {"temperature": "T", "protocol": "features"}.get(part, part.replace("_", " "))


def over_seeds(table: Sequence[Row], runs: Iterable[RunDirectory]) -> list[Row]:
    """Average over seeds, mean ± std: one additional row per config and epoch.

    The seeds are those of the training (configs that differ only in name and seed are the same) and those of
    the evaluation (of one checkpoint under equal settings). The std is that of the sample.
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
    """Average the figures of each stamp that was measured at least twice."""
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
    """Return a sentence for each result that is left out because its file is damaged."""
    return [sentence for run in runs for sentence in results(run)[1]]


def table(runs: Sequence[RunDirectory]) -> list[Row]:
    """Return the rows over several seeds first, then every row, in the order of `runs`."""
    every = rows(runs)
    return [*over_seeds(every, runs), *every]


# --- export -------------------------------------------------------------------------------------------------

HEADINGS = ("Network", "Epochs", "Images", *(column.title for column in COLUMNS.values()), "Settings")


def _cells(row: Row) -> list[str]:
    figures = [str(row.figures[key]) if key in row.figures else "" for key in COLUMNS]
    stamps = [
        f"{COLUMNS[key].title}: {figure.settings}" for key, figure in row.figures.items() if key in STAMPED
    ]
    return [
        row.name,
        str(row.epoch),
        row.data,
        *figures,
        "backbone features, test split; " + "; ".join(stamps),
    ]


def _published_cells(entry: Published) -> list[str]:
    percent = {"knn": entry.knn, "linear": entry.linear}
    figures = [f"{value} %" if (value := percent.get(key)) else "" for key in COLUMNS]
    settings = ", ".join(filter(None, [NOT_HERE, f"batch {entry.batch}", entry.note]))
    return [entry.source, entry.epochs, "cifar10, 50,000 / 10,000", *figures, settings]


def cells(found: Sequence[Row], published: bool = True) -> list[list[str]]:
    """Return the table as text, under `HEADINGS`."""
    return [_cells(row) for row in found] + [_published_cells(p) for p in CIFAR10 if published]


def as_csv(found: Sequence[Row]) -> str:
    """Return the table as CSV, with a header."""
    return csv_text(HEADINGS, cells(found))


def as_markdown(found: Sequence[Row]) -> str:
    """Return the table as a Markdown pipe table."""
    head, *body = [[markdown_text(cell) for cell in line] for line in (HEADINGS, *cells(found))]
    lines = [head, ["---"] * len(HEADINGS), *body]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def as_latex(found: Sequence[Row]) -> str:
    """Return the table as a booktabs tabular."""
    lines = [[latex_text(cell) for cell in line] for line in (HEADINGS, *cells(found))]
    body = " \\\\\n".join(" & ".join(line) for line in lines[1:])
    head = " & ".join(lines[0])
    columns = "lrl" + "r" * len(COLUMNS) + "l"
    return (
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head} \\\\\n\\midrule\n{body} \\\\\n\\bottomrule\n"
        "\\end{tabular}\n"
    )


@dataclass(frozen=True)
class TableFormat:
    """File format of the table."""

    title: str
    suffix: str
    write: Callable[[Sequence[Row]], str]


FORMATS = {
    "csv": TableFormat("CSV", "csv", as_csv),
    "markdown": TableFormat("Markdown", "md", as_markdown),
    "latex": TableFormat("LaTeX", "tex", as_latex),
}
