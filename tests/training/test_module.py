from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from fitting import trained
from tiny import tiny

from simsiam_core.training.module import seed_global_generators
from simsiam_core.training.schedule import lr_factor


def test_the_learning_rate_follows_the_formula_at_every_step() -> None:
    config = tiny(optimiser={"warmup_epochs": 1})
    _, record = trained(config)
    expected = [config.lr * lr_factor(step, warmup_steps=4, total_steps=12) for step in range(12)]
    assert [r["encoder"] for r in record.rates] == pytest.approx(expected)
    assert [r["predictor"] for r in record.rates] == pytest.approx(expected)


def test_a_constant_predictor_rate_leaves_the_encoder_decaying() -> None:
    config = tiny(optimiser={"warmup_epochs": 0, "predictor_lr": "constant"})
    _, record = trained(config)
    assert {r["predictor"] for r in record.rates} == {config.lr}
    assert record.rates[-1]["encoder"] < 0.1 * config.lr


def test_two_steps_give_the_golden_losses() -> None:
    """Weights, data, order, augmentation and loss together: a change of any of them shows here."""
    _, record = trained(tiny(), steps=2)
    assert record.losses == pytest.approx(GOLDEN_LOSSES, abs=2e-5)


GOLDEN_LOSSES = [0.0469995, 0.0648920]


def test_views_and_order_come_from_the_seed() -> None:
    first, again = trained(tiny(), steps=3)[1].losses, trained(tiny(), steps=3)[1].losses
    assert first == again
    assert trained(tiny(training={"seed": 1}), steps=3)[1].losses != first


def test_batch_statistics_are_per_view() -> None:
    """The running mean after one step is the momentum mix of two updates, one for each view."""
    config = tiny()
    module, _ = trained(config, steps=1)
    assert int(module.network.backbone.bn1.num_batches_tracked) == 2


def test_collapse_shows_without_stop_gradient() -> None:
    """The ablation of section 4.1: the loss runs to −1 and z falls together."""
    changes = {"optimiser": {"base_lr": 1.0, "weight_decay": 0.01}, "training": {"epochs": 40}}
    _, healthy = trained(tiny(**changes))
    _, ablated = trained(tiny(**changes, model={"stop_gradient": False}))
    assert sum(ablated.spreads[-20:]) < 0.5 * sum(healthy.spreads[-20:])
    assert sum(ablated.losses[-20:]) / 20 < -0.9


def test_dropout_is_a_function_of_seed_step_and_process() -> None:
    cpu = torch.device("cpu")

    def drawn(seed: int, step: int, rank: int) -> list[float]:
        torch.rand(7)  # whatever drew before
        seed_global_generators(seed, step, rank, cpu)
        return F.dropout(torch.ones(64)).tolist()

    assert drawn(0, 5, 0) == drawn(0, 5, 0)
    assert len({tuple(drawn(*of)) for of in [(0, 5, 0), (1, 5, 0), (0, 6, 0), (0, 5, 1)]}) == 4
