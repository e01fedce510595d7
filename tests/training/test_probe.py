"""The online linear probe: it learns, changes nothing, and is resumed with its run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pausing import AskAt
from tiny import tiny

from simsiam_core.cli.train import announce
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.metrics.val_linear_accuracy import LINEAR_ACCURACY
from simsiam_core.model.checkpoint import read_checkpoint
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.training.probe import OnlineProbe
from simsiam_core.training.worker import train


def trained(store: RunStore, pause_at: int | None = None, **knn: Any) -> RunDirectory:
    run = store.create(tiny(knn={"k": 5, **knn}))
    for step in filter(None, (pause_at, 10**6)):
        announce(run)
        request = StopRequest()
        assert train(run, (AskAt(request, step),), request) == 0, run.status().error
    return run


def column(run: RunDirectory, name: str) -> list[float]:
    return [line[name] for line in run.metrics() if name in line]


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return trained(RunStore(tmp_path_factory.mktemp("probed")))


def test_it_tells_classes_that_a_plane_separates() -> None:
    labels = torch.arange(90) % 3
    features = torch.eye(3)[labels].repeat(1, 4) + 0.3 * torch.randn(
        90, 12, generator=torch.Generator().manual_seed(0)
    )
    probe = OnlineProbe(3)
    state = torch.get_rng_state()
    assert not probe.trained
    for _ in range(40):
        probe.train_on(features.requires_grad_(), labels)
    assert probe.accuracy(features, labels) > 0.95
    assert features.grad is None, "it passes no gradient on"
    assert torch.equal(torch.get_rng_state(), state), "it draws no random numbers"


def test_a_state_of_other_classes_is_passed_over() -> None:
    before, after = OnlineProbe(3), OnlineProbe(4)
    before.train_on(torch.randn(6, 5), torch.arange(6) % 3)
    after.load(before.state())
    assert not after.trained
    assert after.state() == {}


def test_it_is_measured_after_every_epoch_and_changes_nothing_else(
    probed: RunDirectory, store: RunStore
) -> None:
    without = trained(store, linear_probe=False)
    assert len(column(probed, LINEAR_ACCURACY)) == 3
    assert column(without, LINEAR_ACCURACY) == []
    for name in (KNN_ACCURACY, "train/loss", "representation/std"):
        assert column(probed, name) == column(without, name), name
    ours, theirs = (read_checkpoint(run.checkpoint("last").path)["state_dict"] for run in (probed, without))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("step", [4, 6], ids=["after an epoch", "within an epoch"])
def test_a_resumed_run_has_the_same_probe(probed: RunDirectory, store: RunStore, step: int) -> None:
    run = trained(store, pause_at=step)
    assert column(run, LINEAR_ACCURACY) == column(probed, LINEAR_ACCURACY)
    ours, theirs = (
        read_checkpoint(r.checkpoint("last").path)["callbacks"]["ProbeCallback"] for r in (run, probed)
    )
    assert torch.equal(ours["linear"]["weight"], theirs["linear"]["weight"])
    assert float(ours["linear"]["weight"].abs().max()) > 0
