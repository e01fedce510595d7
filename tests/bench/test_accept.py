"""The acceptance test on the CPU: what it proves there, it proves here, and the rest says that it was skipped."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from simsiam_core.bench import accept
from simsiam_core.bench.accept import runner, speed, sync
from simsiam_core.bench.accept.rows import NO_GPU, Place, Row, within
from simsiam_core.bench.accept.training import furthest, methods
from simsiam_core.cli import accept as command
from simsiam_core.cli import main
from simsiam_core.config import presets
from simsiam_core.metrics import StepOutputs
from simsiam_core.metrics.representation_std import REPRESENTATION_STD, representation_std
from simsiam_core.training import module

ON_ONE_CPU = ("sync", "equality", "prefetch", "fp16", "compiled", "learn", "isolation")


def rows(part: str, folder: Path) -> list[Row]:
    return list(importlib.import_module(f"simsiam_core.bench.accept.{part}").check(Place(False, folder)))


@pytest.mark.parametrize("part", ON_ONE_CPU)
def test_a_part_passes_on_the_cpu(part: str, tmp_path: Path) -> None:
    found = rows(part, tmp_path)
    assert found
    assert not [row for row in found if row.passed is False], found
    assert all(row.figure == NO_GPU for row in found if row.passed is None), found


def test_every_preset_is_compiled() -> None:
    for by_graph in (True, False):
        named = ", ".join(methods(by_graph)).split(", ")
        assert set(presets()) <= set(named)


def test_a_step_that_reads_a_value_back_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A person who adds `.item()` to a step is told where."""

    def reading(step: StepOutputs) -> Tensor:
        return torch.tensor(representation_std(step.z).item())

    monkeypatch.setattr(module, "measured_at_every_step", lambda: [(REPRESENTATION_STD, reading)])
    monkeypatch.setattr(sync, "METHODS", {"SimSiam": {}})
    found = rows("sync", tmp_path)
    assert [row.passed for row in found] == [False, False]
    assert "A value is read back by _local_scalar_dense (module.py:" in str(found[0].figure)


def test_the_speed_part_measures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures = {row.name: row for row in rows("speed", tmp_path)}
    assert figures["times a bare loop, eager"].passed
    assert figures["operations a step"].passed
    assert figures["GPU busy, share of the time"].figure == NO_GPU


def test_busy_time_counts_overlapping_kernels_once() -> None:
    assert speed.covered([(0, 4), (1, 2), (3, 6), (8, 9)]) == 7
    assert speed.covered([]) == 0


def test_curves_of_unequal_length_are_not_equal() -> None:
    assert furthest([1.0, 2.0], [1.0, 2.5]) == 0.5
    assert not within("", furthest([1.0], [1.0, 2.0]), 1).passed
    assert not within("", float("nan"), 1).passed


def test_one_command_prints_a_table_and_its_exit_code_says(capsys: pytest.CaptureFixture) -> None:
    assert main(["accept", "--only", "environment", "--minutes", "5", "--json"]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["passed"] is True
    assert {row["part"] for row in told["rows"]} == {"environment"}
    assert "environment: slots are devices" in captured.err


def test_the_table_has_a_line_for_each_row(capsys: pytest.CaptureFixture) -> None:
    passed = {"part": "a", "name": "b", "passed": True, "figure": 0.5, "limit": "≤ 1", "note": "n"}
    missed = {**passed, "passed": False, "name": "longer"}
    command._print_table([passed, missed])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["a", "b", "pass", "0.5", "≤", "1", "n"],
        ["a", "longer", "FAIL", "0.5", "≤", "1", "n"],
    ]


@pytest.fixture
def strange_part(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Parts that are no module of the acceptance test: what the child does instead."""
    code: list[str] = []
    monkeypatch.setattr(accept, "PARTS", {"odd": accept.Part("an odd one", 1)})
    monkeypatch.setattr(runner, "PARTS", accept.PARTS)
    monkeypatch.setattr(runner, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(runner, "CHILD", code)
    popen = runner.subprocess.Popen

    def start(words: list, **options: object) -> object:
        return popen([sys.executable, "-c", code[0], *words[3:]], **options)

    monkeypatch.setattr(runner.subprocess, "Popen", start)
    return code


def test_a_part_that_hangs_is_ended_and_what_it_had_found_is_kept(strange_part: list[str]) -> None:
    strange_part.append(
        'import sys, time; open(sys.argv[4], \'w\').write(\'{"name": "a", "passed": true, "figure": 1, '
        '"limit": "", "note": ""}\\n{"name\'); time.sleep(600)'
    )
    found = runner.accept(["odd"], 1 / 60, None, lambda line: None)
    assert [(row["name"], row["passed"]) for row in found] == [("a", True), ("the part", False)]
    assert "not done after 1 s" in found[1]["figure"]


def test_a_part_that_crashes_fails_and_its_last_words_are_shown(strange_part: list[str]) -> None:
    strange_part.append("import os; print('last words', flush=True); os.abort()")
    said: list[str] = []
    found = runner.accept(["odd"], 1, None, said.append)
    assert found[0]["passed"] is False
    assert found[0]["figure"] == "its process ended with exit code -6"
    assert "  last words" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--minutes", "0"], "Minutes is 0; it must be more than 0."),
        (["--minutes", "nan"], "Minutes is nan; it must be more than 0."),
        (["--data", "nowhere"], "There is no folder nowhere; give one with images."),
    ],
)
def test_bad_input_is_a_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["accept", *words]) == 2
    assert sentence in capsys.readouterr().err
