"""Signals outside and inside a job that SLURM may interrupt."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from simsiam_core.jobs.stop_request import EXECUTOR_VARIABLE, REQUEUE_EXIT, SIGNALS, StopRequest
from simsiam_core.runs import Status


@pytest.fixture
def request_() -> Iterator[StopRequest]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:  # a background shell has it ignore some of them
        signal.signal(number, signal.SIG_DFL)
    yield StopRequest()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("sent", "state", "code"),
    [
        (["SIGUSR2"], "queued", REQUEUE_EXIT),
        (["SIGTERM"], "queued", 143),  # SLURM decides whether it starts again
        (["SIGUSR2", "SIGTERM"], "queued", REQUEUE_EXIT),
        (["SIGUSR2", "SIGUSR1"], "paused", 0),
        (["SIGINT", "SIGUSR2"], "stopped", 0),
        (["SIGINT", "SIGTERM"], "stopped", 0),
    ],
)
def test_in_a_job_of_slurm(
    request_: StopRequest, monkeypatch: pytest.MonkeyPatch, sent: list[str], state: str, code: int
) -> None:
    monkeypatch.setenv(EXECUTOR_VARIABLE, "slurm")
    request_.listen()
    for name in sent:
        os.kill(os.getpid(), signal.Signals[name])
    assert (request_.state, request_.exit_code) == (state, code)
    assert request_.ending(Status(state="running"))["state"] == state


def test_elsewhere_a_termination_is_a_stop_and_the_warning_is_not_handled(
    request_: StopRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(EXECUTOR_VARIABLE, raising=False)
    request_.listen()
    os.kill(os.getpid(), signal.SIGTERM)
    assert (request_.state, request_.exit_code) == ("stopped", 0)
    assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL


def test_a_run_that_is_queued_again_keeps_the_time_it_has_worked(request_: StopRequest) -> None:
    request_.state = "queued"
    status = Status(state="running", started=100.0, elapsed=50.0, spent=7.0)
    ending = request_.ending(status)
    assert (ending["spent"], ending["started"], ending["elapsed"]) == (57.0, None, 0.0)
