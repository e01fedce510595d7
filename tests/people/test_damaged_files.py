"""A power cut, a full disk, an editor or a sync program has left one file of one run damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from pydantic_core import to_json
from tiny import tiny

from simsiam_core import cli
from simsiam_core.cli import main
from simsiam_core.evaluation.results import FORMATS
from simsiam_core.runs import MetricsReader, MetricsWriter, Notes, RunDirectory, RunStore, Status
from simsiam_core.runs.evaluations import create_evaluation
from simsiam_core.ui.context import ChangeTracker, Context
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.evaluate.view import View
from simsiam_core.ui.live import snapshot
from simsiam_core.ui.runs.parts import RunsView, look
from simsiam_core.ui.runs.view import AXES, ChartView, CompareView, ListView

PARSER = cache(cli.build_parser)  # made once: it takes longer than all that the commands do here
DETAILS = {
    "classes": ["a", "b"], "per_class": [1.0, None], "confusion": [[1, 0], [0, 0]], "predicted": [0],
    "ks": [1], "temperatures": [0.1], "grid": [[0.5]],
}  # fmt: skip
RESULT = {
    "kind": "knn", "checkpoint": "last", "epoch": 3, "seconds": 1.0, "device": "CPU", "details": DETAILS,
    "figures": {"knn/accuracy": 0.5},
    "stamp": {"data": "textures", "train_images": 80, "test_images": 20, "k": 5, "temperature": 0.1},
}  # fmt: skip


def finished(store: RunStore, name: str) -> RunDirectory:
    """A run as it is left by training, with one evaluation, and nothing of torch."""
    status = Status(state="finished", step=12, total_steps=12, epoch=3, started=1e9, ended=1e9 + 60)
    run = store.create(tiny(name=name), status, Notes(name=name, tags=("mine",)))
    writer = MetricsWriter(run.metrics_path)
    for step in range(1, 13):
        line = {"step": step, "epoch": step // 4, "time": 1e9 + step, "train/loss": -step / 12}
        writer.write([{**line, "representation/std": 0.9, "val/knn_accuracy": 0.5}])
    writer.close()
    run.log_path.write_text("trained\n")
    (run.checkpoints_dir / "last.ckpt").write_bytes(b"weights")
    job = create_evaluation(run, {"kind": "knn"})
    job.write_result({**RESULT, "id": job.id, "run": run.id})
    job.update_status(state="finished")
    return run


class Watching:
    """What open pages and a person at a terminal look at."""

    def __init__(self, store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
        self._context = Context(store, None)  # type: ignore[arg-type]  # nothing is encoded
        self._view, self._store, self._capsys = RunsView(self._context), store, capsys

    def poll(self, run: RunDirectory) -> str:
        """All that is shown while `run` is the one that is looked at, as text; everything must be valid JSON."""
        self._context.snapshots.forget()
        every = [run.id, *(other.id for other in self._store.runs() if other.id != run.id)]
        seen, shown = look(self._context, every), []
        for axis in AXES:
            for chart in (ChartView(axis, smoothing=0.5, core=True), ChartView(axis, log=True)):
                parts = self._view.parts(seen, chart, CompareView("std", "training.epochs"))
                shown += [(part.id, part.value) for part in parts]
        shown += [
            (part.id, part.value) for part in self._view.list_parts(seen, ListView(filter="a", sort="knn"))
        ]
        values = View(self._context).changed(ChosenNetwork(run.id, "last"), None, ChangeTracker())
        shown += [value for name, value in values.items() if name not in (*FORMATS, "timer")]
        text = to_json(shown, inf_nan_mode="constants", fallback=str).decode()
        assert "NaN" not in text
        assert "Infinity" not in text
        return text + self.told("runs", "list", "--json") + self.told("results", "--json")

    def told(self, *words: str) -> str:
        """What a command prints; one JSON object, and no NaN."""
        code = main([*words, "--save-dir", str(self._store.path)])
        out = self._capsys.readouterr().out
        assert code == 0, words
        json.loads(out, parse_constant=lambda name: pytest.fail(f"{words} printed {name}"))
        return out


@pytest.fixture
def watching(
    store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Watching:
    monkeypatch.setattr(snapshot, "FRESH_SECONDS", -1.0)
    monkeypatch.setattr(cli, "build_parser", PARSER)
    return Watching(store, capsys)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


WAYS: dict[str, Callable[[Path], object]] = {
    "empty": written(b""),
    "half": halved,
    "zeros": written(bytes(4096) + b"\n"),
    "not UTF-8": written(b'{"step": "\xff\xfe"}\n'),
    "another kind of value": written(b"[1, true, null]\n"),
    "null": written(b"null\n"),
    "nested without end": written(b"[" * 100_000 + b"\n"),
    "a number too large": written(b'{"step": 1e999, "name": 1e999, "figures": 1e999, "created": 1e999}\n'),
    "wrong types": written(
        b'{"name": [7], "tags": 7, "text": null, "state": 3, "step": "x", "figures": []}\n'
    ),
    "a folder": as_folder,
    "a link to itself": as_loop,
}
FILES = ("status.json", "config.yaml", "notes.json", "metrics.jsonl", "evaluations/*.json")


@pytest.mark.parametrize("name", FILES)
def test_one_damaged_file_is_told_and_every_other_run_goes_on(
    store: RunStore, watching: Watching, name: str
) -> None:
    """A damaged file of one run gave HTTP 500 on every poll of every page, or was passed over in silence."""
    sound, run = finished(store, "sound"), finished(store, "hurt")
    whole = store.path.parent / "whole"
    shutil.copytree(run.path, whole)
    expected = watching.poll(sound)
    assert '"problems": []' in expected
    for way, damage in WAYS.items():
        (path,) = run.path.glob(name)
        damage(path)
        shown, here = watching.poll(run), watching.told("runs", "show", run.id, "--json")
        assert "sound" in shown
        if (name, way) not in {("metrics.jsonl", "empty"), ("metrics.jsonl", "half")}:  # as if killed early
            assert path.name in shown + here, (name, way)
        row = json.loads(watching.told("runs", "list", "--json"))["runs"]
        assert [r["problems"] for r in row if r["run"] == sound.id] == [[]]
        shutil.rmtree(run.path)
        shutil.copytree(whole, run.path)
    assert watching.poll(sound) == expected


BAD_NUMBERS = ("NaN", "-Infinity", "1e999", "-1", "true", '"3"', "[3]", "1" + 400 * "0", "{}")


@pytest.mark.parametrize("field", ["heartbeat", "step", "total_steps", "epoch", "created", "pid", "spent"])
def test_a_status_with_one_impossible_number_is_damaged(
    store: RunStore, watching: Watching, field: str
) -> None:
    """A heartbeat that is NaN in status.json gave HTTP 500 on every poll."""
    run = finished(store, "hurt")
    path = run.path / "status.json"
    content = json.loads(path.read_text())
    for bad in BAD_NUMBERS:
        path.write_text(json.dumps({**content, field: "@"}).replace('"@"', bad))
        status = run.status()
        assert status.state == "crashed"
        assert f"status.json is damaged: {field}" in (status.error or ""), bad
    assert field in watching.poll(run)
    run.update_status(state="queued")
    assert run.status().state == "queued"
    (kept,) = run.path.glob("status.json.damaged-*")
    assert bad in kept.read_text(), "nothing is lost"


@pytest.mark.parametrize("bad", [*BAD_NUMBERS, "null"])
def test_a_metric_line_gives_what_is_sound_in_it(store: RunStore, watching: Watching, bad: str) -> None:
    """A metric line with "time": null stopped Monitor for all runs."""
    run = finished(store, "hurt")
    before = run.metrics()
    with run.metrics_path.open("a") as file:
        for name in ("step", "time", "epoch", "train/loss"):
            line = {"step": 13, "epoch": 3, "time": 1e9 + 13, "train/loss": -1.0, name: "@"}
            file.write(json.dumps(line).replace('"@"', bad) + "\n")
        file.write(json.dumps({"step": 14, "time": 1e9 + 14, "train/loss": -1.0}) + "\n")
    reader = MetricsReader(run.metrics_path)
    found = reader.poll()
    assert found[: len(before)] == before
    assert found[-1]["step"] == 14
    good = bad == "-1"  # of a loss, and of an epoch it does no harm
    assert [("epoch" in m, "train/loss" in m) for m in found[len(before) : -1]] == [
        (good, True), (True, good),
    ]  # fmt: skip
    count = {"null": 2, "-1": 2}.get(bad, 4)  # null is a measurement that gave no number
    assert f"{count} damaged lines" in reader.problem
    assert "line 13" in reader.problem
    assert reader.problem in json.loads(watching.told("runs", "show", run.id, "--json"))["problems"]
    assert "damaged lines" in watching.poll(run)
    assert run.recent("train/loss").last == (14, 1e9 + 14)


def test_a_record_that_we_write_holds_no_nan(store: RunStore, watching: Watching) -> None:
    """`--json` and the record printed NaN, which no other program reads."""
    run = finished(store, "odd")
    writer = MetricsWriter(run.metrics_path)
    writer.write([{"step": 13, "time": 1e9 + 13, "representation/std": float("nan")}])
    writer.close()
    assert "NaN" not in run.metrics_path.read_text()
    assert MetricsReader(run.metrics_path).problem == ""
    watching.poll(run)


def test_damaged_notes_are_kept_when_new_ones_are_written(store: RunStore) -> None:
    """Tags were written over a notes file that could not be read: all of it was lost."""
    run = finished(store, "noted")
    (run.path / "notes.json").write_text('{"text": "a year of thoughts", "tags": 7}')
    run.write_notes(run.notes().model_copy(update={"tags": ("new",)}))
    assert run.notes().tags == ("new",)
    (kept,) = run.path.glob("notes.json.damaged-*")
    assert "a year of thoughts" in kept.read_text()
