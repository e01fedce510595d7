"""Collapse is judged once: as the training process recorded it, or by its judge over an earlier version's record."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from previous import run_named, unpack_previous
from tiny import tiny

from simsiam_core.metrics.representation_std import REPRESENTATION_STD
from simsiam_core.runs import Collapse, CollapseReader, RunDirectory, RunStore
from simsiam_core.runs.collapse import PATIENCE_STEPS, CollapseJudge

LOW = [0.05] * (PATIENCE_STEPS + 1)


def lines(values: Iterable[float], first: int = 1) -> list[dict[str, float]]:
    return [{"step": step, REPRESENTATION_STD: value} for step, value in enumerate(values, start=first)]


def write(run: RunDirectory, *values: float, first: int = 1, anew: bool = False) -> None:
    with run.metrics_path.open("w" if anew else "a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines(values, first))


def test_the_rule_is_twenty_steps_in_a_row() -> None:
    judge = CollapseJudge()
    assert judge.judgement is None
    judge.observe(lines([0.9, *LOW[:-1]]))
    assert judge.judgement == Collapse(since=2, step=21, std=0.05)
    assert not judge.judgement.collapsed
    judge.observe(lines([0.03], first=22))
    assert judge.judgement.collapsed
    assert "std is 3% of a healthy value since step 2; loss near −1" in str(judge.judgement.sentence)
    assert judge.judgement.news == "looks collapsed: its representation std fell to 0.03."


def test_what_is_no_number_is_not_judged() -> None:
    judge = CollapseJudge()
    judge.observe([*lines([float("nan"), float("inf")]), {"step": 3}])
    assert judge.judgement is None


def test_the_recorded_judgement_counts(store: RunStore) -> None:
    run, reader = store.create(tiny()), CollapseReader()
    write(run, *LOW)
    recorded = Collapse(since=None, step=21, std=0.9)
    run.update_status(collapse=recorded)
    assert reader.read(run, run.status()) == recorded


def test_a_record_without_judgement_is_judged_as_it_grows(store: RunStore) -> None:
    run, reader = store.create(tiny()), CollapseReader()
    assert reader.read(run, run.status()) is None
    write(run, *LOW)
    found = reader.read(run, run.status())
    assert found is not None and found.collapsed and found.since == 1
    write(run, 0.9, first=22)
    assert reader.read(run, run.status()) == Collapse(since=None, step=22, std=0.9)
    write(run, *LOW[:5], anew=True)  # a resume that went back
    assert reader.read(run, run.status()) == Collapse(since=1, step=5, std=0.05)


def test_a_run_of_the_previous_version_is_judged_by_its_record(tmp_path: Path) -> None:
    run = run_named(unpack_previous(tmp_path), "finished")
    assert "collapse" not in json.loads((run.path / "status.json").read_text())
    status = run.status()
    assert status.state == "finished" and status.collapse is None
    found = CollapseReader().read(run, status)
    assert found is not None and not found.collapsed
    assert found.step == status.step


@pytest.mark.parametrize("value", [{"since": "x"}, 3])
def test_a_damaged_judgement_is_told(store: RunStore, value: object) -> None:
    run = store.create(tiny())
    path = run.path / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "collapse": value}))
    assert "collapse" in run.damage()[0]
