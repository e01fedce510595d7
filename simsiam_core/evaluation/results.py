"""One table: what every checkpoint of every run reached, what the figures stand for, and what others published."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simsiam_core.evaluation.published import CIFAR10, Published
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.evaluations import results

# Column: its title, the kind of evaluation, its figure, and the parts of the stamp that tell two figures apart.
COLUMNS = {
    "knn": ("kNN", "knn", "knn/accuracy", ("k", "temperature")),
    "linear": ("Linear", "linear", "linear/accuracy", ("protocol", "epochs", "seed")),
    "finetune": ("Fine-tuned", "finetune", "finetune/accuracy", ("labels", "epochs", "seed")),
    "scratch": ("From scratch", "finetune", "scratch/accuracy", ("labels", "epochs", "seed")),
}
NOT_HERE = "not measured here"


@dataclass(frozen=True)
class Figure:
    """An accuracy, 0 to 1, with what it stands for; `spread` is the std over `count` seeds."""

    value: float
    stamp: str
    spread: float | None = None
    count: int = 1

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
    by_epoch: dict[int, dict[str, dict[str, Figure]]] = {}
    data = ""
    for result in results(run):
        try:
            epoch, stamp, figures = result["epoch"], result["stamp"], result["figures"]
            data = f"{stamp['data']}, {stamp['train_images']:,} / {stamp['test_images']:,}"
            columns = by_epoch.setdefault(epoch, {})
            for key, (_, kind, figure, parts) in COLUMNS.items():
                if kind == result["kind"] and figure in figures:
                    text = ", ".join(f"{_short(part)} {stamp[part]}" for part in parts)
                    columns.setdefault(key, {}).pop(text, None)  # the newest one of equal settings counts
                    columns[key][text] = Figure(figures[figure], text)
        except (KeyError, TypeError):
            continue  # a result of another version
    made = []
    for epoch, columns in sorted(by_epoch.items(), reverse=True):
        lists = {key: list(figures.values()) for key, figures in columns.items()}
        for index in range(max(map(len, lists.values()))):
            here = {key: figures[index] for key, figures in lists.items() if index < len(figures)}
            made.append(Row(run.id, (run.id,), epoch, data, here))
    return made


def _short(part: str) -> str:
    return {"temperature": "T", "protocol": "features"}.get(part, part)


def over_seeds(table: Sequence[Row], runs: Iterable[RunDirectory]) -> list[Row]:
    """Mean ± std for configs that ran with several seeds: one more row each, beside those of the runs.

    Two configs are the same if they differ in name and seed alone; the std is that of the sample.
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
            figures = {key: figure for key in COLUMNS if (figure := _mean(members, key))}
            if figures:
                seeds = max(figure.count for figure in figures.values())
                name = f"mean of {seeds} seeds: {group[0].config().name or group[0].id}"
                made.append(Row(name, tuple(sorted(ids)), epoch, members[0].data, figures))
    return made


def _mean(members: Sequence[Row], key: str) -> Figure | None:
    by_stamp: dict[str, dict[str, float]] = {}
    for row in members:
        if key in row.figures:
            by_stamp.setdefault(row.figures[key].stamp, {})[row.name] = row.figures[key].value
    stamp, values = max(by_stamp.items(), key=lambda item: len(item[1]), default=("", {}))
    if len(values) < 2:
        return None
    found = list(values.values())
    return Figure(statistics.mean(found), f"{stamp}, n = {len(found)}", statistics.stdev(found), len(found))


def table(runs: Sequence[RunDirectory]) -> list[Row]:
    """Rows over several seeds first, then every row, the newest run first."""
    every = rows(runs)
    return [*over_seeds(every, runs), *every]


# --- export -------------------------------------------------------------------------------------------------

HEADINGS = ("Network", "Epochs", "Images", *(title for title, *_ in COLUMNS.values()), "Settings")


def _cells(row: Row) -> list[str]:
    figures = [str(row.figures[key]) if key in row.figures else "" for key in COLUMNS]
    stamps = dict.fromkeys(
        f"{COLUMNS[key][0]}: {f.stamp}" for key, f in row.figures.items() if key != "scratch"
    )
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
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([HEADINGS, *cells(found)])
    return out.getvalue()


def as_markdown(found: Sequence[Row]) -> str:
    """A pipe table."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *cells(found)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def as_latex(found: Sequence[Row]) -> str:
    """A booktabs tabular."""
    lines = [[_latex(cell) for cell in line] for line in (HEADINGS, *cells(found))]
    body = " \\\\\n".join(" & ".join(line) for line in lines[1:])
    head = " & ".join(lines[0])
    columns = "lrl" + "r" * len(COLUMNS) + "l"
    return (
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head} \\\\\n\\midrule\n{body} \\\\\n\\bottomrule\n"
        "\\end{tabular}\n"
    )


def _latex(text: str) -> str:
    for plain, escaped in (
        ("\\", r"\textbackslash{}"), ("&", r"\&"), ("%", r"\%"), ("_", r"\_"), ("#", r"\#"), ("$", r"\$"),
        ("≈", r"$\approx$"), ("±", r"$\pm$"), ("–", "--"),
    ):  # fmt: skip
        text = text.replace(plain, escaped)
    return text


FORMATS: dict[str, Any] = {"csv": as_csv, "markdown": as_markdown, "latex": as_latex}
