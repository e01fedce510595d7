"""What is done with jobs on the page: queue, order, pause, resume, fork, train longer, delete; how ends are told."""

from __future__ import annotations

import math
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect
from tiny import tiny

from simsiam_core.jobs import read_queue, stop
from simsiam_core.runs import RunDirectory, Status
from simsiam_core.runs.processes import process_identity
from simsiam_core.training import worker
from simsiam_core.training.objective import Losses, Objective

from .conftest import Server
from .test_dashboard import eventually, field, fill, open_tab

ROWS = "#monitor-queue .queue-row"
TOASTS = ".toast-body"


def names(page: Page) -> list[str]:
    return [text.split(" · ")[0] for text in page.locator(f"{ROWS} .run-name").all_inner_texts()]


def the_run(server: Server, name: str) -> RunDirectory:
    return next(run for run in server.store.runs() if run.config().name == name)


@pytest.fixture(autouse=True)
def _nothing_waits(server: Server) -> None:
    """Whatever a test left in the queue does not stand in the next one's way."""
    yield
    for entry in read_queue(server.store):
        stop(entry.run, timeout=20)


def test_a_sweep_is_queued_reordered_paused_killed_and_goes_on(page: Page, server: Server) -> None:
    page.goto("/?page=train")
    expect(page.locator("#train-summary")).to_contain_text("Learning rate")
    fill(page, "name", "sweep")
    fill(page, "training.epochs", "400")
    page.locator("#train-more > button").click()
    page.locator("#train-sweep textarea").fill("sed: 1, 2")
    expect(page.locator("#train-sweep-note .problem")).to_contain_text("is no sweep")
    page.locator("#train-sweep textarea").fill("seed: 1, 2, 3")
    expect(page.locator("#train-sweep-note")).to_contain_text("3 runs")
    page.locator("#train-start").click()

    # One runs, the others say why they wait, and may change places.
    rows = page.locator(ROWS)
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("Runs on CPU 1.")
    expect(rows.nth(1)).to_contain_text("Waits for a CPU slot: 1 of 1 taken.")
    expect(rows.nth(2)).to_contain_text("Group: seed 1, 2, 3")
    assert names(page) == ["sweep-seed-1", "sweep-seed-2", "sweep-seed-3"]
    rows.nth(2).get_by_title("up").click()
    eventually(lambda: names(page) == ["sweep-seed-1", "sweep-seed-3", "sweep-seed-2"])
    rows.nth(2).drag_to(rows.nth(1))
    eventually(lambda: names(page) == ["sweep-seed-1", "sweep-seed-2", "sweep-seed-3"])
    rows.nth(2).get_by_title("out of the queue").click()
    expect(rows).to_have_count(2)
    assert the_run(server, "sweep seed 3").status().state == "stopped"

    # Pause keeps the place; the next one starts; Resume waits for its slot.
    first, second = the_run(server, "sweep seed 1"), the_run(server, "sweep seed 2")
    head = page.locator("#monitor-head")
    expect(head).to_contain_text("sweep-seed-1")
    eventually(lambda: first.status().step > 0)
    page.locator("#monitor-pause").click()
    expect(head).to_contain_text("it keeps its place and waits for Resume")
    expect(rows.nth(0)).to_contain_text("Paused at step")
    expect(rows.nth(1)).to_contain_text("Runs on CPU 1.")
    page.locator("#monitor-resume").click()
    expect(head).to_contain_text("Waits for a CPU slot: 1 of 1 taken.")
    paused_at = first.status().step

    # The one that runs is killed: said within ten seconds on whatever tab, and the other goes on.
    open_tab(page, "Train")
    eventually(lambda: second.status().step > 0)
    eventually(lambda: "%" in page.title() and "sweep-seed-2" in page.title())
    killed = time.monotonic()
    os.kill(second.status().pid or 0, signal.SIGKILL)
    expect(page.locator(TOASTS).filter(has_text="has crashed")).to_be_visible(timeout=10_000)
    open_tab(page, "Runs")
    crashed = page.locator(f'#monitor-runs .run[data-id="{second.id}"]')
    expect(crashed.locator(".run-state")).to_have_text("crashed", timeout=10_000)
    assert time.monotonic() - killed < 10
    eventually(lambda: first.status().state == "running" and first.status().step > paused_at)
    assert [m["step"] for m in first.metrics() if "train/loss" in m][:3] == [1, 2, 3]
    page.locator("#monitor-stop").click()
    expect(head).to_contain_text("stopped")
    eventually(lambda: page.title() == "SimSiam")


@pytest.fixture
def done(server: Server) -> RunDirectory:
    """A run that has finished, trained in this process."""
    run = server.store.create(tiny(name="done"), Status(state="paused"))
    assert worker.train(run) == 0
    return run


def test_a_finished_run_is_trained_longer_forked_copied_deleted_and_brought_back(
    page: Page, server: Server, done: RunDirectory
) -> None:
    page.goto(f"/?tab=monitor&run={done.id}")
    head, message = page.locator("#monitor-head"), page.locator("#monitor-more-message")
    expect(head).to_contain_text("finished")
    page.locator("#monitor-more > button").click()
    number = page.locator("#monitor-epochs input")
    expect(number).to_have_value("6")
    number.fill("3")
    page.locator("#monitor-extend").click()
    expect(message).to_contain_text("has 3 epochs; give a larger number")
    number.fill("4")
    page.locator("#monitor-extend").click()
    expect(head).to_contain_text("step 16 of 16")
    expect(head).to_contain_text("finished")
    assert page.locator("#monitor-fork-lr input").input_value() == ""
    page.locator("#monitor-fork-checkpoint input").fill("epoch=0002")
    page.locator("#monitor-fork-checkpoint input").press("Enter")
    page.locator("#monitor-fork-lr input").fill("99")
    page.locator("#monitor-fork").click()
    expect(message).to_contain_text("Base learning rate is 99")
    page.locator("#monitor-fork-lr input").fill("0.1")
    page.locator("#monitor-fork").click()
    forked = f"Forked from done · {done.id[-4:]}, epoch=0002."
    with suppress(AssertionError):  # gradio drops a click while the one before is answered: then press again
        expect(head).to_contain_text(forked, timeout=20_000)
    if forked not in head.inner_text():
        page.locator("#monitor-fork").click()
    expect(head).to_contain_text(forked)
    expect(head).to_contain_text("finished")
    copy = server.store.runs()[0]
    assert copy.notes().forked_from == f"{done.id} epoch=0002"
    assert copy.config().optimiser.base_lr == 0.1
    assert copy.metrics()[0] == done.metrics()[0]
    assert copy.status().step == 16

    page.locator("#monitor-copy").click()
    expect(page.locator(f"{field(page, 'optimiser.base_lr')} input")).to_have_value("0.1")
    open_tab(page, "Runs")
    page.locator("#monitor-sure input").check()
    page.locator("#monitor-delete").click()
    row = page.locator(f'#monitor-runs .run[data-id="{copy.id}"]')
    expect(page.locator(TOASTS)).to_contain_text("is in the trash")  # first, since it goes by itself
    expect(row).to_have_count(0)
    expect(page.locator("#monitor-sure input")).not_to_be_checked()
    page.locator("#monitor-undo").click()
    expect(row).to_have_count(1)
    expect(head).to_contain_text("finished")
    assert copy.status().step == 16


def broken(act: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., Losses]:
    """A loss that fails in its fifth step."""
    original, calls = Objective.losses, iter(range(10**6))

    def losses(*given: Any) -> Losses:
        found = original(*given)
        return replace(found, total=act(found.total)) if next(calls) == 4 else found

    return losses


def _no_number(loss: torch.Tensor) -> torch.Tensor:
    return loss * math.nan


def _no_memory(loss: torch.Tensor) -> torch.Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


def _no_space(loss: torch.Tensor) -> torch.Tensor:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (_no_number, "The loss became nan at step 5; lower the learning rate"),
        (_no_memory, "ran out of memory at batch size 20, which should fit"),
        (_no_space, "The disk is full, or a size limit is reached: a checkpoint takes"),
    ],
    ids=["nan", "memory", "disk"],
)
def test_a_failure_is_a_sentence_on_the_page(
    page: Page,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    failure: Callable[[torch.Tensor], torch.Tensor],
    sentence: str,
) -> None:
    run = server.store.create(tiny(name="fails", checkpoints={"checkpoint_every": 1}), Status(state="paused"))
    page.goto(f"/?tab=monitor&run={run.id}")
    head = page.locator("#monitor-head")
    expect(head).to_contain_text("paused")
    pid, started = process_identity(os.getpid())
    run.update_status(state="running", pid=pid, pid_started=started, host=socket.gethostname())
    expect(head).to_contain_text("running")
    monkeypatch.setattr(Objective, "losses", broken(failure))
    assert worker.train(run) == 1
    expect(head.locator(".problem")).to_contain_text(sentence)
    expect(head.locator(".problem")).to_contain_text("step 4")
    expect(head.locator(".run-state")).to_have_text("failed")
    expect(page.locator(TOASTS)).to_contain_text(sentence[:30])
    expect(page.locator("#monitor-resume")).to_be_visible()


def test_a_run_that_collapses_stops_by_itself_and_says_why(page: Page, server: Server) -> None:
    run = server.store.create(
        tiny(
            name="collapses",
            model={"stop_gradient": False, "predictor": False},
            optimiser={"base_lr": 5.0, "weight_decay": 0.0},
            training={"epochs": 200, "stop_on_collapse": True},
        )
    )
    page.goto(f"/?tab=monitor&run={run.id}")
    head = page.locator("#monitor-head")
    expect(page.locator(TOASTS).filter(has_text="was stopped. Collapse")).to_be_visible()  # goes by itself
    expect(head.locator(".run-state")).to_have_text("stopped")
    expect(head.locator(".problem")).to_contain_text("Collapse: per-dimension std is")
    expect(page.locator("#monitor-collapse")).to_contain_text("loss near −1 is not success")
