"""Several processes on the CPU train what one trains, and end together."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
import torch
from tiny import tiny
from torch import Tensor, nn
from warm import Start, Warm

from simsiam_core.config import ConfigError
from simsiam_core.jobs import launch, pause, stop
from simsiam_core.model import load_encoder
from simsiam_core.model.sync_batch_norm import synchronise_batch_norms
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.training.ranks import Ranks

TOLERANCE = 1e-6  # 12 steps apart by rounding alone


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
    launch(run)
    until(lambda: not run.status().active)
    assert run.status().state == "finished", run.status().error
    return run


def column(run: RunDirectory, name: str) -> list[float]:
    return [line[name] for line in run.metrics() if name in line]


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(("method", "devices"), [("simsiam", 2), ("simsiam", 4), ("byol", 2)])
def test_several_processes_have_the_losses_of_one(store: RunStore, method: str, devices: int) -> None:
    one, two = trained(store, method=method), trained(store, method=method, devices=devices)
    assert len(column(two, "train/loss")) == 12
    for name in ("train/loss", "representation/std", "train/lr"):
        assert column(two, name) == pytest.approx(column(one, name), abs=TOLERANCE), name
    assert column(two, "representation/effective_rank")[-1] == pytest.approx(
        column(one, "representation/effective_rank")[-1], abs=0.02
    )
    for name in ("val/knn_accuracy", "val/linear_accuracy", "val/knn_accuracy_raw_pixels"):
        assert column(two, name) == pytest.approx(column(one, name), abs=0.051), name  # one image of twenty
    assert [c.name for c in two.checkpoints()] == [c.name for c in one.checkpoints()]
    assert f"in {devices} processes" in two.status().device


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
def long(store: RunStore) -> Iterator[RunDirectory]:
    """A run that does not end by itself."""
    run = store.create(tiny(training={"devices": 2, "epochs": 5000}, knn={"knn_every": 5000}))
    yield run
    if run.status().state == "running":
        stop(run)


def started(run: RunDirectory) -> list[psutil.Process]:
    """torchrun's processes for a run, once they train: torchrun itself, and those that it started, in order."""
    launch(run)
    until(lambda: run.status().step > 2 or not run.status().active)
    assert run.status().state == "running", run.status().error
    first = psutil.Process(run.status().pid)
    torchrun = first.parent()
    assert torchrun is not None
    others = [child for child in torchrun.children() if child != first and os.getsid(child.pid) == child.pid]
    return [torchrun, first, *others]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


@pytest.mark.parametrize(("ask", "state"), [(stop, "stopped"), (pause, "paused")])
def test_all_processes_end_at_the_same_step_and_resume(
    long: RunDirectory, ask: Callable[[RunDirectory], None], state: str
) -> None:
    run = long
    processes = started(long)
    assert len(processes) == 3
    ask(run)
    until(lambda: gone(processes))
    assert (run.status().state, run.status().error) == (state, None)
    step = run.status().step
    assert [line["step"] for line in run.metrics() if "train/loss" in line] == list(range(1, step + 1))
    header = run.checkpoint("last").header()
    assert header
    assert header.step == step
    assert "Traceback" not in run.log_path.read_text()
    run.write_config(tiny(training={"devices": 2, "epochs": step // 4 + 2}, knn={"knn_every": 5000}))
    run.update_status(state="queued")
    launch(run)
    until(lambda: not run.status().active)
    assert run.status().state == "finished", run.status().error
    steps = [line["step"] for line in run.metrics() if "train/loss" in line]
    assert steps == list(range(1, 4 * (step // 4 + 2) + 1))


def test_a_killed_process_ends_the_run_with_a_sentence(long: RunDirectory) -> None:
    processes = started(long)
    processes[2].kill()
    until(lambda: gone(processes), 60)
    assert long.status().state == "failed"
    assert (long.status().error or "").startswith("Process 2 of 2 was killed, or does not answer any more.")
    assert "exitcode: -9" in long.log_path.read_text()


@pytest.mark.parametrize("victim", [0, 1])
def test_no_process_outlives_torchrun_or_the_first(long: RunDirectory, victim: int) -> None:
    processes = started(long)
    processes[victim].kill()
    until(lambda: gone(processes), 60)
    if victim:
        assert long.status().state == "failed"
        # torchrun sees its end, or the first process misses it, whichever is sooner
        error = long.status().error or ""
        assert error.startswith(("Process 1 of 2 ended with exit code -9", "Process 1 of 2 was killed"))
    else:
        assert long.status().state == "crashed"


# As srun starts two processes on this machine.
STEP = {
    "SLURM_JOB_ID": "1",
    "SLURM_NTASKS": "2",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_TASKS_PER_NODE": "2",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_NNODES": "1",
    "SLURM_NODEID": "0",
    "SLURM_NODELIST": "localhost",
    "MASTER_ADDR": "localhost",
}


def side_by_side(warm: Warm, run: RunDirectory, *fault: str) -> list[int]:
    """The exit codes of two processes that srun would start, with a fault of `rank_faults` in them."""
    with socket.create_server(("localhost", 0)) as server:
        port = str(server.getsockname()[1])
    argv = ["train", "--run", str(run.path)]
    pids = [
        warm.start(
            Start(
                argv,
                log=str(run.log_path),
                environment={**STEP, "MASTER_PORT": port, "SLURM_PROCID": index, "SLURM_LOCALID": index},
                prepare=["training.rank_faults:install", index, *fault] if fault else [],
            )
        )
        for index in ("0", "1")
    ]
    victim = int(fault[1]) if fault else 1
    codes = {1 - victim: warm.wait(pids[1 - victim])}
    if "freeze" in fault:
        os.kill(pids[victim], signal.SIGKILL)  # as srun does once another has ended
    return [code for _, code in sorted({**codes, victim: warm.wait(pids[victim])}.items())]


def test_the_same_command_trains_under_srun(store: RunStore, warm: Warm) -> None:
    run = store.create(tiny(training={"devices": 2}))
    assert side_by_side(warm, run) == [0, 0], run.log_path.read_text()
    assert run.status().state == "finished"
    assert len(column(run, "train/loss")) == 12


@pytest.mark.parametrize(
    ("fault", "victim", "sentence"),
    [
        ("raise", 1, "Process 2 of 2: ValueError: made up"),
        ("memory", 1, "Process 2 of 2: The machine ran out of memory at batch size 20"),
        ("nan", 1, "The loss became nan at step 7; lower the learning rate"),
        ("exit", 1, "Process 2 of 2 was killed, or does not answer any more."),
        ("freeze", 1, "Process 2 of 2 was killed, or does not answer any more."),
        ("exit", 0, "Process 1 of 2 was killed, or does not answer any more."),
        ("freeze", 0, "Process 1 of 2 was killed, or does not answer any more."),
    ],
)
def test_a_failure_of_one_process_ends_both(
    store: RunStore, warm: Warm, fault: str, victim: int, sentence: str
) -> None:
    run = store.create(tiny(training={"devices": 2}))
    codes = side_by_side(warm, run, fault, str(victim))
    assert run.status().state == "failed"
    assert (run.status().error or "").startswith(sentence)
    assert codes[1 - victim] == 1
    assert codes[victim] != 0
    assert run.status().step >= 4, "what was recorded before is kept"


def test_a_safety_copy_is_written_by_agreement(store: RunStore, warm: Warm) -> None:
    """The clock of the second process alone says that it is time."""
    run = store.create(tiny(training={"devices": 2}, checkpoints={"checkpoint_every": 3}))
    assert side_by_side(warm, run, "copy", "1") == [0, 0], run.log_path.read_text()
    assert "Written at step 6" in run.log_path.read_text()


def test_shares_make_up_the_whole() -> None:
    parts = [list(range(10))[Ranks(i, 3).shard(10)] for i in range(3)]
    assert [number for part in parts for number in part] == list(range(10))


def test_devices_must_divide_the_batch() -> None:
    with pytest.raises(ConfigError, match="Devices is 3; Batch size, 20, must be a multiple"):
        tiny(training={"devices": 3})
