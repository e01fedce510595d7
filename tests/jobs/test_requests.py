"""Request files: done in order, refused with a reason, and never in the way of one another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from simsiam_core.jobs.requests import (
    REQUESTS_DIR,
    MoveRequest,
    RequestReader,
    wait_for_answer,
    write_request,
)
from simsiam_core.jobs.table import QueueFileError
from simsiam_core.runs import RunError


def move(run: str, to: str | int = "first") -> MoveRequest:
    return MoveRequest(run=run, to=to)


def acted_on(folder: Path) -> list[str]:
    """The runs whose requests a reader acts on, in order."""
    done: list[str] = []
    RequestReader(folder).act(lambda request: done.append(request.run))
    return done


def refuse(request: MoveRequest) -> None:
    raise RunError(f"There is no run {request.run}.")


def nothing() -> None:
    pass


def left(folder: Path) -> list[str]:
    return sorted(path.suffix for path in (folder / REQUESTS_DIR).iterdir())


def test_the_order_is_that_of_asking_whatever_the_clock_says(tmp_path: Path) -> None:
    for number in range(12):
        write_request(tmp_path, move(str(number)))
    assert acted_on(tmp_path) == [str(number) for number in range(12)]
    assert left(tmp_path) == []


def test_two_that_ask_at_once_are_both_heard(tmp_path: Path) -> None:
    start = threading.Barrier(2)

    def ask(name: str) -> None:
        start.wait()
        for number in range(20):
            write_request(tmp_path, move(f"{name}{number}"))

    threads = [threading.Thread(target=ask, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = acted_on(tmp_path)
    for name in "ab":
        assert [run for run in done if run.startswith(name)] == [f"{name}{number}" for number in range(20)]


def test_one_that_is_refused_says_why(tmp_path: Path) -> None:
    path = write_request(tmp_path, move("x"))
    with pytest.raises(RunError, match=r"^There is no run x\.$"):
        wait_for_answer(path, 5, lambda: RequestReader(tmp_path).act(refuse))
    assert left(tmp_path) == []


def test_an_answer_that_nobody_fetches_is_deleted_at_the_next_start(tmp_path: Path) -> None:
    write_request(tmp_path, move("x"))
    reader = RequestReader(tmp_path)
    reader.act(refuse)
    assert left(tmp_path) == [".answer"]
    reader.delete_answers()
    assert left(tmp_path) == []


def test_one_that_nobody_takes_is_withdrawn(tmp_path: Path) -> None:
    path = write_request(tmp_path, move("x"))
    with pytest.raises(RunError, match="does not answer"):
        wait_for_answer(path, 0.0, nothing)
    assert left(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RunError])
def test_one_whose_asker_gives_up_is_withdrawn(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupted() -> None:
        raise error

    path = write_request(tmp_path, move("x"))
    with pytest.raises(error):
        wait_for_answer(path, 5, interrupted)
    assert left(tmp_path) == []


def test_a_reader_that_is_killed_before_deleting_one_acts_on_it_again(tmp_path: Path) -> None:
    path = write_request(tmp_path, move("x"))
    done: list[str] = []

    def killed(request: MoveRequest) -> None:
        done.append(request.run)
        raise SystemExit

    with pytest.raises(SystemExit):
        RequestReader(tmp_path).act(killed)
    wait_for_answer(path, 5, lambda: RequestReader(tmp_path).act(lambda request: done.append(request.run)))
    assert done == ["x", "x"]


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"\xff no JSON"),
    "a list": lambda path: path.write_text("[1]"),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_one_is_put_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    damaged = write_request(tmp_path, move("x"))
    DAMAGE[damage](damaged)
    write_request(tmp_path, move("y"))
    assert acted_on(tmp_path) == ["y"]
    assert acted_on(tmp_path) == []
    assert len(list(tmp_path.glob(f"{REQUESTS_DIR}/{damaged.name}.damaged-*"))) == 1
    assert capsys.readouterr().err.count("is damaged") == 1
    with pytest.raises(RunError, match="is damaged"):
        wait_for_answer(damaged, 5, nothing)


@pytest.mark.parametrize(
    "content",
    ['{"kind": "reserve", "gpu": 3}', '{"kind": "move", "run": "x", "to": 1, "group": true}', '{"run": "x"}'],
)
def test_one_of_a_later_version_is_refused(tmp_path: Path, content: str) -> None:
    path = write_request(tmp_path, move("x"))
    path.write_text(content)
    with pytest.raises(RunError, match="may be of an earlier version: restart it"):
        wait_for_answer(path, 5, lambda: RequestReader(tmp_path).act(lambda _: None))
    assert left(tmp_path) == []


def test_one_that_cannot_be_deleted_is_acted_on_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_request(tmp_path, move("x"))

    def unlink(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", unlink)
    done: list[str] = []
    reader = RequestReader(tmp_path)
    for _ in range(2):
        reader.act(lambda request: done.append(request.run))
    assert done == ["x"]
    assert capsys.readouterr().err.count("cannot be deleted") == 1


def test_one_that_cannot_be_noted_now_is_acted_on_in_the_next_round(tmp_path: Path) -> None:
    def full(_: MoveRequest) -> None:
        raise QueueFileError("The disk is full.")

    write_request(tmp_path, move("x"))
    with pytest.raises(QueueFileError):
        RequestReader(tmp_path).act(full)
    assert acted_on(tmp_path) == ["x"]
