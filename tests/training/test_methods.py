"""Every method: its loss against lightly's, its network, its first losses, and one batch shared by two processes."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fitting import trained
from gradients import gradients
from lightly.loss import BarlowTwinsLoss, NegativeCosineSimilarity, NTXentLoss, VICRegLoss
from lightly.utils.scheduler import cosine_schedule
from tiny import tiny
from torch import Tensor

from simsiam_core.config.sections.objective import method_names
from simsiam_core.model import TargetEmbedding, negative_cosine
from simsiam_core.training.methods import listed
from simsiam_core.training.methods.barlow_twins import barlow_twins_loss
from simsiam_core.training.methods.byol import byol_loss
from simsiam_core.training.methods.simclr import nt_xent_loss
from simsiam_core.training.methods.vicreg import vicreg_loss
from simsiam_core.training.objective import Objective
from simsiam_core.training.parameter_groups import parameter_groups
from simsiam_core.training.schedule import target_momentum

GREY = (0.5,) * 3, (0.25,) * 3
TOGETHER = ("barlow_twins", "vicreg", "simclr")  # whose loss is one of the whole batch
Loss = Callable[[Tensor, Tensor], Tensor]


def of(method: str, **sections: Any) -> Objective:
    objective = {"method": method, "rotation_crop": 8, **sections.pop("objective", {})}
    return Objective(tiny(objective=objective, **sections), *GREY)


LOSSES: dict[str, tuple[Loss, Loss]] = {
    "simsiam": (negative_cosine, NegativeCosineSimilarity()),
    "byol": (byol_loss, lambda a, b: 2 + 2 * NegativeCosineSimilarity()(a, b)),
    "barlow_twins": (lambda a, b: barlow_twins_loss(a, b, 0.02), BarlowTwinsLoss(0.02)),
    "vicreg": (lambda a, b: vicreg_loss(a, b, 20.0, 30.0, 2.0), VICRegLoss(20.0, 30.0, 2.0)),
    "simclr": (lambda a, b: nt_xent_loss(a, b, 0.2), NTXentLoss(0.2)),
}


@pytest.mark.parametrize("method", LOSSES)
def test_losses_and_gradients_are_those_of_lightly(method: str) -> None:
    generator = torch.Generator().manual_seed(0)
    pair = [0.7 * torch.randn(24, 12, generator=generator) + 0.3 for _ in range(2)]
    values, gradients = [], []
    for loss in LOSSES[method]:
        inputs = [z.clone().requires_grad_() for z in pair]
        value = loss(*inputs)
        value.backward()
        values.append(value.detach())
        gradients.append([z.grad for z in inputs])
    torch.testing.assert_close(*values, atol=1e-6, rtol=1e-5)
    for ours, theirs in zip(*gradients, strict=True):
        assert ours is not None and float(ours.abs().max()) > 1e-5
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


def test_target_momentum_is_the_cosine_of_lightly() -> None:
    ours = [target_momentum(step, 40, 0.99, 1.0) for step in range(41)]
    assert ours == pytest.approx([cosine_schedule(step, 41, 0.99, 1.0) for step in range(41)])
    assert target_momentum(7, 40, 0.9, 0.9) == 0.9


GOLDEN = {  # of two steps; those of `simsiam` and `e_simsiam` are older than the setting
    "simsiam": (0.0469995, 0.0648922),
    "e_simsiam": (0.6911370, 0.6796920),
    "byol": (3.8056831, 3.8681645),
    "barlow_twins": (16.4007454, 10.5944939),
    "vicreg": (22.2874565, 21.9986725),
    "simclr": (3.6967430, 3.6307626),
}


def test_every_method_is_held_to_golden_losses() -> None:
    assert set(GOLDEN) == set(listed()) == set(method_names())
    assert method_names()[0] == "simsiam"


@pytest.mark.parametrize("method", GOLDEN)
def test_two_steps_give_the_golden_losses_of_the_method(method: str) -> None:
    module, record = trained(tiny(objective={"method": method, "rotation_crop": 8}), steps=2)
    assert record.losses == pytest.approx(GOLDEN[method], rel=1e-5, abs=2e-5)
    assert module.objective.method is listed()[method]


@pytest.mark.parametrize("method", ["byol", *TOGETHER])
def test_three_views_compare_every_pair(method: str) -> None:
    """A third view equal to the second leaves the loss of the pair, and half of what equal views cost."""
    objective = of(method, objective={"views": 3})
    torch.manual_seed(0)
    network = objective.network().eval()
    images = torch.randint(0, 256, (20, 3, 16, 16), dtype=torch.uint8)
    views = objective.views(images, torch.Generator().manual_seed(0))
    a, b, _ = views.views

    def loss(*views: Tensor) -> float:
        return objective.losses(
            network, type(objective.views(images, torch.Generator()))(views, None)
        ).total.item()

    assert loss(a, b, b) == pytest.approx((2 * loss(a, b) + loss(b, b)) / 3, rel=1e-5)


def test_heads_have_the_shapes_of_the_papers() -> None:
    model = {"projector_dim": 32, "projection_dim": 12, "predictor_hidden": 24, "projector_layers": 1}
    shapes = {}
    for method in ("byol", *TOGETHER):
        network = of(method, model=model).network()
        shapes[method] = [tuple(p.shape) for p in network.projector.parameters() if p.ndim == 2]
    assert shapes["byol"] == shapes["simclr"] == [(32, 64), (12, 32)]
    assert shapes["barlow_twins"] == shapes["vicreg"] == [(32, 64), (32, 32), (32, 32)]
    predictor = of("byol", model=model).network().predictor
    assert [tuple(p.shape) for p in predictor.parameters() if p.ndim == 2] == [(24, 12), (12, 24)]


def test_the_target_follows_the_network_and_learns_nothing_itself() -> None:
    module, _ = trained(tiny(objective={"method": "byol", "target_momentum": 0.5}), steps=1)
    network = module.network
    assert isinstance(network, TargetEmbedding)
    assert not any(p.requires_grad or p.grad is not None for p in network.target.parameters())
    torch.manual_seed(0)
    first = of("byol").network().backbone.conv1.weight
    now, target = network.backbone.conv1.weight, network.target["backbone"].conv1.weight
    assert not torch.equal(now, first)
    torch.testing.assert_close(target, 0.5 * now + 0.5 * first)
    groups, _ = parameter_groups(network, module.config.optimiser)
    in_groups = {id(p) for group in groups for p in group["params"]}
    assert in_groups == {id(p) for p in network.parameters() if p.requires_grad}


def test_only_simsiam_and_byol_have_a_predictor() -> None:
    kinds = {method: any(True for _ in of(method).network().predictor.parameters()) for method in listed()}
    assert {method for method, has in kinds.items() if has} == {"simsiam", "e_simsiam", "byol"}


def test_two_processes_have_the_loss_and_the_gradient_of_one(tmp_path: Path) -> None:
    other = multiprocessing.get_context("spawn").Process(target=gradients, args=(1, 2, tmp_path / "meeting"))
    other.start()
    two, one = gradients(0, 2, tmp_path / "meeting"), gradients()
    other.join()
    for method in listed():
        for ours, theirs in zip(two[method], one[method], strict=True):
            scale = max(1.0, float(theirs.abs().max()))  # of Barlow Twins' gradient: 25
            assert float((ours - theirs).abs().max()) < 2e-6 * scale, method


def test_simclr_starts_near_the_entropy_of_its_choice() -> None:
    _, record = trained(tiny(objective={"method": "simclr", "contrast_temperature": 10.0}), steps=1)
    assert record.losses[0] == pytest.approx(math.log(2 * 20 - 1), abs=0.05)
