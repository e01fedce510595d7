"""Two processes on the CPU train what one trains, and end together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest
import torch
from tiny import tiny
from torch import Tensor, nn

from simsiam_core.cli.train import announce
from simsiam_core.config import ConfigError
from simsiam_core.jobs import launch, stop
from simsiam_core.model import load_encoder
from simsiam_core.model.sync_batch_norm import synchronise_batch_norms
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.worker import train

TOLERANCE = 1e-5  # 12 steps apart by rounding alone: seen were 1.5e-7


def trained(
    store: RunStore,
    model: dict | None = None,
    method: str = "simsiam",
    images: int = 80,
    **training: object,
) -> RunDirectory:
    """Slowly, so that rounding does not grow from step to step."""
    config = tiny(
        training=training,
        optimiser={"base_lr": 0.02},
        model=model or {},
        objective={"method": method, "target_momentum": 0.5},
        data={"train_limit": images},
    )
    run = store.create(config)
    announce(run)
    assert train(run) == 0, run.status().error
    return run


def column(run: RunDirectory, name: str) -> list[float]:
    return [line[name] for line in run.metrics() if name in line]


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("method", ["simsiam", "byol"])
def test_two_processes_have_the_losses_of_one_with_the_joined_batch(store: RunStore, method: str) -> None:
    one, two = trained(store, method=method), trained(store, method=method, devices=2)
    assert len(column(two, "train/loss")) == 12
    for name in ("train/loss", "representation/std", "train/lr"):
        assert column(two, name) == pytest.approx(column(one, name), abs=TOLERANCE), name
    assert column(two, "representation/effective_rank")[-1] == pytest.approx(
        column(one, "representation/effective_rank")[-1], abs=0.02
    )
    for name in ("val/knn_accuracy", "val/linear_accuracy", "val/knn_accuracy_raw_pixels"):
        assert column(two, name) == pytest.approx(column(one, name), abs=0.051), name  # one image of twenty
    assert [c.name for c in two.checkpoints()] == [c.name for c in one.checkpoints()]
    assert "in 2 processes" in two.status().device


@pytest.mark.parametrize("synchronised", [True, False])
def test_two_processes_freeze_and_unfreeze_weights_as_one_does(store: RunStore, synchronised: bool) -> None:
    first = trained(store, images=40)  # of another mean, by which the others are normalised too
    frozen = {"frozen_stages": 99, "frozen_epochs": 2, "sync_batch_norm": synchronised}
    model = {"weights": f"{first.id}:last"}
    two = trained(store, model, devices=2, **frozen)
    if synchronised:  # else each has batch statistics of its own
        one = trained(store, model, **frozen)
        assert column(two, "train/loss") == pytest.approx(column(one, "train/loss"), abs=TOLERANCE)
    weights = [load_encoder(run.checkpoint(at).path).backbone.state_dict() for run, at in
        ((first, "last"), (two, "epoch=0000"), (two, "epoch=0002"), (two, "last"))]  # fmt: skip
    for name, value in weights[0].items():
        assert torch.equal(weights[1][name], value), name
        assert torch.equal(weights[2][name], value), name
    assert not torch.equal(weights[3]["layer1.0.conv1.weight"], weights[0]["layer1.0.conv1.weight"])


def test_batch_norms_that_hold_an_activation_are_synchronised_with_it(store: RunStore) -> None:
    """Those of timm, of which an activation that is lost would leave another network."""
    model = {"backbone": "timm:test_efficientnet"}
    one, two = trained(store, model, epochs=1), trained(store, model, epochs=1, devices=2)
    for name in ("train/loss", "representation/std"):
        assert column(two, name) == pytest.approx(column(one, name), abs=1e-4), name


def test_a_batch_norm_of_an_unknown_kind_is_refused() -> None:
    class Own(nn.BatchNorm2d):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input).relu()

    network = nn.Sequential(nn.Conv2d(3, 4, 1), Own(4))
    with pytest.raises(ConfigError, match="batch norms of its own, Own, which cannot be computed over all"):
        synchronise_batch_norms(network, cuda=False)


@pytest.mark.parametrize("cuda", [False, True])
def test_a_synchronised_batch_norm_in_one_process_is_the_same_function(cuda: bool) -> None:
    timm = pytest.importorskip("timm.layers")
    images = torch.randn(4, 3, 5, 5)
    network = nn.Sequential(timm.BatchNormAct2d(3, act_layer=nn.SiLU), nn.BatchNorm2d(3))
    network(images)  # other statistics than at the start
    expected, names = network.eval()(images), network.state_dict().keys()
    synchronise_batch_norms(network, cuda=cuda)
    assert network.state_dict().keys() == names
    torch.testing.assert_close(network.eval()(images), expected)


@pytest.fixture
def job(store: RunStore) -> tuple[RunDirectory, list[psutil.Process]]:
    """A long run in two processes, both at work."""
    run = store.create(tiny(training={"devices": 2, "epochs": 5000}, knn={"knn_every": 5000}))
    launch(run)
    until(lambda: run.status().step > 2 or not run.status().active)
    assert run.status().state == "running", run.status().error
    first = psutil.Process(run.status().pid)
    return run, [first, *first.children()]


def test_a_stop_reaches_both_processes_at_the_same_step(job: tuple) -> None:
    run, processes = job
    assert len(processes) == 2
    stop(run)
    assert run.status().state == "stopped"
    until(
        lambda: not any(process.is_running() for process in processes), 5
    )  # a zombie until its end is collected
    assert max(column(run, "step")) == run.status().step
    assert run.checkpoint("last").path.exists()
    assert "Traceback" not in run.log_path.read_text()


def test_a_lost_process_ends_the_run_with_a_sentence(job: tuple) -> None:
    run, processes = job
    os.kill(processes[1].pid, signal.SIGKILL)
    until(lambda: not run.status().active)
    assert run.status().state == "failed"
    assert "Process 2 of 2 ended with exit code -9" in (run.status().error or "")
    psutil.wait_procs(processes, timeout=20)
    assert not any(process.is_running() for process in processes)


def test_the_others_end_with_a_killed_first_process(job: tuple) -> None:
    run, processes = job
    os.kill(processes[0].pid, signal.SIGKILL)
    _, left = psutil.wait_procs(processes, timeout=20)
    assert not left
    assert run.status().state == "crashed"


def test_shares_make_up_the_whole() -> None:
    parts = [list(range(10))[Ranks(i, 3).shard(10)] for i in range(3)]
    assert [number for part in parts for number in part] == list(range(10))


def test_devices_must_divide_the_batch() -> None:
    with pytest.raises(ConfigError, match="Devices is 3; Batch size, 20, must be a multiple"):
        tiny(training={"devices": 3})
