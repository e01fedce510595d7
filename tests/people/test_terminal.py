"""A person types commands into a terminal: every command does its real work there once.

The kind: a command that works when its output is a file, as in every other test, and fails where it is a terminal.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from terminals import ESCAPE, Screen, screen, shown
from tiny import TINY
from warm import Warm

from simsiam_core.runs import RunDirectory, RunStore

PLAIN = pytest.mark.parametrize(
    "environment",
    [{"TERM": "xterm-256color"}, {"TERM": "xterm-256color", "NO_COLOR": "1"}, {"TERM": "dumb"}],
    ids=["colours", "NO_COLOR", "dumb"],
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Path:
    """A folder with a config and a finished run in `runs`, where the commands are typed."""
    home = tmp_path_factory.mktemp("home")
    (home / "tiny.yaml").write_text(json.dumps(TINY))
    trained = shown(warm, ["train", "--config", "tiny.yaml", "--epochs", "1"], folder=str(home))
    assert trained.exit_code() == 0, trained.text
    return home


@pytest.fixture
def run(home: Path) -> RunDirectory:
    return RunStore(home / "runs").runs()[-1]


def typed(warm: Warm, home: Path, *argv: str, environment: dict[str, str] | None = None) -> Screen:
    """A command that ended well on 80 columns, with nothing wider than those and no escape sequence."""
    watched = shown(warm, list(argv), folder=str(home), environment=environment or {"TERM": "xterm-256color"})
    assert watched.exit_code() == 0, watched.text
    assert "Traceback" not in watched.text
    assert ESCAPE not in watched.text, "a terminal without colours shows them as rubbish"
    wide = [line for line in watched.lines() if len(line) > watched.columns]
    assert not wide, "these would be wrapped"
    return watched


@PLAIN
def test_train(warm: Warm, tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "tiny.yaml").write_text(json.dumps(TINY))
    watched = typed(warm, tmp_path, "train", "--config", "tiny.yaml", environment=environment)
    (run,) = RunStore(tmp_path / "runs").runs()
    assert run.status().state == "finished"
    assert ("12 of 12 steps |" in watched.text) == (environment["TERM"] != "dumb"), "the progress bar"
    assert watched.lines()[0] == run.id
    assert watched.lines()[-2].startswith("epoch 3 of 3: kNN accuracy ")
    log = run.log_path.read_text()
    assert log.splitlines() == [line for line in watched.lines() if line], "the log is what was printed"
    assert not set(log) & {"\r", ESCAPE}


@PLAIN
def test_list_runs(warm: Warm, home: Path, run: RunDirectory, environment: dict[str, str]) -> None:
    listed = typed(warm, home, "runs", "list", environment=environment)
    assert any(line.startswith(run.id) and "finished" in line for line in listed.lines())


@PLAIN
def test_neighbours(warm: Warm, home: Path, run: RunDirectory, environment: dict[str, str]) -> None:
    Image.new("RGB", (20, 20), "grey").save(home / "a.png")
    argv = ("neighbours", run.id, "--image", "a.png", "--checkpoint", "epoch=0000", "-k", "3")
    watched = typed(warm, home, *argv, environment=environment)
    assert [line.split()[0] for line in watched.lines() if line] == ["1", "2", "3", "vote"]


def test_a_sentence_too_long_for_the_line_goes_on_below_itself(
    warm: Warm, home: Path, run: RunDirectory
) -> None:
    waiting = RunStore(home / "waiting").create(run.config())
    words = "Waits for a GPU slot: 2 of 2 taken, and three others before it want the same ones."
    waiting.update_status(activity=words)
    lines = typed(warm, home, "runs", "list", "--save-dir", "waiting").lines()
    begin = lines[0].index("Waits")
    assert " ".join(line[begin:] for line in lines if line) == words


def test_show_stop_and_change_runs(warm: Warm, home: Path, run: RunDirectory) -> None:
    assert "epoch 1 of 1" in typed(warm, home, "runs", "show", run.id).text
    forked = typed(
        warm, home, "runs", "fork", run.id, "--checkpoint", "epoch=0001", "--set", "training.epochs=2"
    )
    copy = RunStore(home / "runs").get(forked.text.split()[0])
    typed(warm, home, "runs", "pause", copy.id)
    typed(warm, home, "runs", "resume", copy.id)
    assert copy.id in typed(warm, home, "queue", "list").text
    typed(warm, home, "runs", "stop", copy.id)
    typed(warm, home, "runs", "extend", copy.id, "--epochs", "3")
    typed(warm, home, "queue", "cancel", copy.id)
    assert copy.status().state == "stopped"
    with screen(warm, ["runs", "delete", copy.id], folder=str(home)) as asked:
        asked.read("[y/N]")
        asked.type("y\n")
        asked.read()
    assert asked.exit_code() == 0
    assert not copy.path.exists()
    typed(warm, home, "runs", "restore", copy.id)
    assert copy.path.exists()
    assert shown(warm, ["runs", "export", run.id], folder=str(home)).text.startswith("step,")


def test_work_the_queue(warm: Warm, home: Path, run: RunDirectory) -> None:
    store = RunStore(home / "queued")
    first, second = store.create(run.config()), store.create(run.config())
    typed(warm, home, "queue", "list", "--save-dir", "queued")
    with screen(warm, ["queue", "run", "--save-dir", "queued", "--forever"], folder=str(home)) as working:
        working.read("Working on")
        typed(warm, home, "queue", "move", second.id, "first", "--save-dir", "queued")
        typed(warm, home, "queue", "cancel", second.id, "--save-dir", "queued")
        working.read(f"{first.id} ")
        working.type("\x03")
        working.read()
    assert working.exit_code() == 0
    assert first.status().state == "finished"


def test_look_inside(warm: Warm, home: Path, run: RunDirectory) -> None:
    typed(warm, home, "map", run.id, "--method", "pca", "--out", "map.csv", "--html", "map.html")
    assert (home / "map.csv").stat().st_size > 1000
    assert "duplicates: " in typed(warm, home, "diagnose", run.id).text
    typed(warm, home, "export", run.id, "--format", "safetensors", "--out", "backbone.safetensors")
    assert (home / "backbone.safetensors").exists()


def test_evaluate(warm: Warm, home: Path, run: RunDirectory) -> None:
    assert "knn/accuracy" in typed(warm, home, "evaluate", "knn", run.id).text
    typed(warm, home, "evaluate", "linear", run.id, "--epochs", "1")
    typed(warm, home, "evaluate", "finetune", run.id, "--epochs", "1", "--labels-share", "0.5")
    table = shown(warm, ["results"], folder=str(home))
    assert table.exit_code() == 0
    assert "kNN" in table.text


def test_measure_this_machine(warm: Warm, home: Path) -> None:
    typed(warm, home, "bench", "training", "--rounds", "2", "--batch-size", "8")


def test_a_password_is_asked_for_and_not_shown(warm: Warm, home: Path) -> None:
    with screen(warm, ["users", "add", "users.txt", "ada"], folder=str(home)) as asked:
        asked.read("Password: ")
        asked.type("correct horse\n")
        asked.read()
    assert asked.exit_code() == 0, asked.text
    assert "correct horse" not in asked.text
    assert "ada" in typed(warm, home, "users", "list", "users.txt").text


@pytest.mark.parametrize("command", ["", "runs", "queue", "evaluate", "evaluate knn", "bench", "map"])
def test_help_fits_the_terminal(warm: Warm, home: Path, command: str) -> None:
    typed(warm, home, *command.split(), "--help")
