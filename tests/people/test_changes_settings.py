"""People change their minds about a run: a lower rate, more epochs, other decay; the run must then do that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from tiny import tiny

from simsiam_core.cli import main
from simsiam_core.cli.train import announce
from simsiam_core.config import Config, ConfigError
from simsiam_core.data import load
from simsiam_core.jobs import extend, fork, resume
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.training import worker
from simsiam_core.training.schedule import lr_factor

PER_EPOCH = 4
QUIET = {"knn": {"knn_every": 1000}, "checkpoints": {"checkpoint_every": 1}}


class Settings(pl.Callback):
    """What each step was really made with, by the optimiser's own word; asks or spoils at a step."""

    def __init__(self, at: int = -1, act: Callable[[Any], None] | None = None) -> None:
        self.steps: dict[int, dict[str, dict[str, Any]]] = {}
        self._at, self._act = at, act

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: Any, optimizer: Any) -> None:
        self.steps[trainer.global_step] = {
            group["name"]: {key: group[key] for key in group if key != "params"}
            for group in optimizer.param_groups
        }

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        if trainer.global_step == self._at and self._act is not None:
            self._act(pl_module)


@pytest.fixture(scope="module", autouse=True)
def _images_loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        loaded: dict[Any, Any] = {}
        patch.setattr(worker, "load", lambda data, _: loaded.get(data) or loaded.setdefault(data, load(data)))
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("runs"))


def trained(run: RunDirectory, seen: Settings | None = None, request: StopRequest | None = None) -> Settings:
    seen = seen or Settings()
    announce(run)
    worker.train(run, (seen,), request)
    return seen


def check(seen: Settings, config: Config, first: int) -> None:
    """Every step from `first` to the last was made as the config says."""
    optimiser, epochs = config.optimiser, config.training.epochs
    assert list(seen.steps) == list(range(first, PER_EPOCH * epochs))
    for step, groups in seen.steps.items():
        assert len(groups) == 4
        for name, group in groups.items():
            constant = optimiser.predictor_lr == "constant" and name.startswith("predictor")
            factor = lr_factor(
                step,
                warmup_steps=PER_EPOCH * optimiser.warmup_epochs,
                total_steps=PER_EPOCH * epochs,
                restart_step=PER_EPOCH * optimiser.restart_epoch,
                decayed=not constant,
            )
            assert group["lr"] == pytest.approx(config.lr * factor, rel=1e-12), (step, name)
            spared = name.endswith("biases") and not optimiser.decay_norm_and_bias
            assert group["weight_decay"] == (0.0 if spared else optimiser.weight_decay), (step, name)
            if optimiser.algorithm == "sgd":
                assert group["momentum"] == optimiser.momentum, (step, name)


def spoil(module: Any) -> None:
    """As a rate that is too high does in the end."""
    with torch.no_grad():
        next(module.network.parameters()).fill_(float("nan"))


@pytest.fixture(scope="module")
def failed(runs: RunStore) -> RunDirectory:
    """A run whose loss became NaN in its second epoch."""
    run = runs.create(tiny(optimiser={"base_lr": 5.0, "warmup_epochs": 0}, **QUIET))
    seen = trained(run, Settings(6, spoil))
    assert run.status().state == "failed"
    assert "nan" in (run.status().error or "").lower()
    assert seen.steps[0]["encoder"]["lr"] == run.config().lr
    return run


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"base_lr": 0.05},
        {"base_lr": 0.1, "weight_decay": 0.01, "momentum": 0.5},
        {"decay_norm_and_bias": False, "warmup_epochs": 2, "predictor_lr": "constant"},
    ],
    ids=["as it was", "a lower rate", "decay and momentum", "flags and warm-up"],
)
def test_a_fork_of_a_run_that_became_nan_trains_as_its_config_says(
    runs: RunStore, failed: RunDirectory, changes: dict[str, Any]
) -> None:
    """Kind: restored optimiser and scheduler state wins over the rate that a person asked for."""
    copy = fork(runs, failed, "last", {"optimiser": changes})
    seen = trained(copy)
    check(seen, copy.config(), first=4)
    assert copy.status().state == "finished"
    lines = [line for line in copy.metrics() if line["step"] > 4 and "train/lr" in line]
    assert [line["train/lr"] for line in lines] == [g["encoder"]["lr"] for g in seen.steps.values()]


def test_adamw_too(runs: RunStore) -> None:
    """Kind: the same, for the other optimiser."""
    adamw = {"algorithm": "adamw", "base_lr": 0.02, "warmup_epochs": 0}
    run = runs.create(tiny(optimiser=adamw, training={"epochs": 2}, **QUIET))
    check(trained(run), run.config(), first=0)
    changes = {"optimiser": {"base_lr": 0.01, "weight_decay": 0.1}, "training": {"epochs": 3}}
    copy = fork(runs, run, "epoch=0001", changes)
    check(trained(copy), copy.config(), first=4)


@pytest.mark.parametrize("schedule", ["longer", "restart"])
def test_a_run_that_is_paused_and_trained_longer_follows_its_schedule_at_every_step(
    runs: RunStore, schedule: Any
) -> None:
    """Kind: the first step after a restore is right, and those after it follow the old schedule."""
    run = runs.create(tiny(optimiser={"predictor_lr": "constant"}, training={"epochs": 2}, **QUIET))
    request = StopRequest()
    trained(run, Settings(3, lambda _: setattr(request, "state", "paused")), request)
    resume(run)
    check(trained(run), run.config(), first=3)
    extend(run, 4, schedule)
    check(trained(run), RunDirectory(run.path).config(), first=8)
    assert run.status().state == "finished"


@pytest.mark.parametrize("weight", [0.4, 0.0])
def test_a_fork_cannot_add_or_remove_a_task_that_has_weights_of_its_own(
    runs: RunStore, weight: float
) -> None:
    """Kind: a fork whose network does not fit its checkpoint fails only when it has started."""
    run = runs.create(tiny(objective={"rotation_weight": 0.4 - weight}, training={"epochs": 1}))
    (run.checkpoints_dir / "epoch=0000.ckpt").write_bytes(b"never read")
    refusals = {
        0.4: "Rotation weight has no effect on simsiam",
        0.0: "Rotation weight is 0; e_simsiam needs one above 0",
    }
    with pytest.raises(ConfigError, match=refusals[weight]):
        fork(runs, run, "epoch=0000", {"objective": {"rotation_weight": weight}})


def test_a_run_that_ends_early_is_not_finished_and_its_last_step_is_kept(runs: RunStore) -> None:
    """Kind: 'finished' at step 6 of 12, with the newest checkpoint from before."""
    run = runs.create(tiny(checkpoints={"checkpoint_every": 100}, knn={"knn_every": 1000}))
    trained(run, Settings(6, lambda module: setattr(module.trainer, "should_stop", True)))
    assert run.status().state == "failed"
    assert "step 6 of 12" in (run.status().error or "")
    found = run.checkpoint("last").header()
    assert found is not None
    assert found.step == 6


def test_fork_from_the_terminal_says_what_it_does(
    runs: RunStore, failed: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kind: the rate typed on the terminal is the rate trained with."""
    arguments = ["runs", "fork", str(failed.path), "--set", "optimiser.base_lr=0.07"]
    assert main(arguments) == 0
    copy = runs.get(capsys.readouterr().out.split()[0])
    assert trained(copy).steps[4]["encoder"]["lr"] == pytest.approx(
        copy.config().lr * lr_factor(4, warmup_steps=0, total_steps=12)
    )
    assert copy.config().optimiser.base_lr == 0.07
