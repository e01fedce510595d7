"""Whatever a program writes around a network's names, the weights that come out of a file are the network's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from simsiam_core.config import ModelConfig
from simsiam_core.model import Backbone, CheckpointError, build_backbone
from simsiam_core.model.foreign.content import flattened
from simsiam_core.model.foreign.matching import checked, match

Weights = Mapping[str, Tensor]


@pytest.fixture(scope="module")
def small() -> Backbone:
    return build_backbone(ModelConfig(backbone="resnet10", stem="cifar", width=8))


def named(prefix: str, weights: Weights) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in weights.items()}


def lightly_names(weights: Weights) -> dict[str, Tensor]:
    """As nn.Sequential of lightly's ResNet without its classifier has them."""
    number = {name: str(i) for i, name in enumerate(dict.fromkeys(n.partition(".")[0] for n in weights))}
    return {
        f"{number[n.partition('.')[0]]}.{n.partition('.')[2].replace('downsample', 'shortcut')}": value
        for n, value in weights.items()
    }


HEADS = {"fc.0.weight": torch.zeros(4, 64), "predictor.0.weight": torch.zeros(4, 4)}
WRITTEN: dict[str, Callable[[Weights], object]] = {
    "plain": lambda w: w,
    "model": lambda w: {"model": w, "epoch": 3, "optimizer": {"state": {0: {"buf": torch.zeros(3)}}}},
    "authors": lambda w: {"arch": "resnet10", "state_dict": named("module.encoder.", {**w, **HEADS})},
    "compiled": lambda w: {"model_state": named("_orig_mod.net.", w)},
    "nested": lambda w: {"classy": {"base_model": {"trunk": named("_feature_blocks.", w)}}},
    "lightly": lambda w: {"state_dict": named("backbone.", lightly_names(w))},
    "torchvision's children": lambda w: {
        n.replace("layer", "").replace(n[5], str(int(n[5]) + 3), 1)
        if n.startswith("layer")
        else n.replace("conv1", "0", 1).replace("bn1", "1", 1): value
        for n, value in w.items()
    },
    "without counters": lambda w: {n: v for n, v in w.items() if not n.endswith("num_batches_tracked")},
    "half": lambda w: {n: v.half() if v.is_floating_point() else v for n, v in w.items()},
}


@pytest.mark.parametrize("program", WRITTEN)
def test_the_weights_are_found(program: str, small: Backbone) -> None:
    tensors, _ = flattened(WRITTEN[program](small.state_dict()))
    found = checked(match(tensors, small), tensors, small, "resnet10")
    other = build_backbone(ModelConfig(backbone="resnet10", stem="cifar", width=8)).eval()
    other.load_state_dict(found.weights)
    tolerance = 1e-3 if program == "half" else 0.0
    for name, value in small.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(other.state_dict()[name], value, rtol=tolerance, atol=tolerance)
    assert found.matched == found.total == 60
    assert found.converted == ("float16" if program == "half" else "")
    assert set(found.left_over) == (
        set(named("state_dict.module.encoder.", HEADS)) if program == "authors" else set()
    )


def test_of_several_networks_the_averaged_one_is_taken(small: Backbone) -> None:
    """And of a contrastive method's two encoders the one that is trained."""
    ours, other = small.state_dict(), {n: v + 1 for n, v in small.state_dict().items()}
    tensors, _ = flattened({"student": named("backbone.", other), "teacher": named("backbone.", ours)})
    found = match(tensors, small)
    assert found.fit.prefix == "teacher.backbone."
    assert found.others == ("student.backbone.",)
    assert torch.equal(found.weights["conv1.weight"], ours["conv1.weight"])
    chosen = match(tensors, small, network="student")
    assert torch.equal(chosen.weights["conv1.weight"], other["conv1.weight"])
    moco = {**named("module.encoder_k.", other), **named("module.encoder_q.", ours)}
    assert match(moco, small).fit.prefix == "module.encoder_q."
    with pytest.raises(CheckpointError, match=r"no network 'online' .* student.backbone"):
        match(tensors, small, network="online")


def test_what_does_not_fit_is_named(small: Backbone) -> None:
    weights = dict(small.state_dict())
    lacking = {n: v for n, v in weights.items() if n != "layer2.0.conv2.weight"}
    with pytest.raises(CheckpointError, match=r"lacks layer2.0.conv2.weight \(59 of 60 tensors match\)"):
        checked(match(lacking, small), lacking, small, "resnet10")
    wide = build_backbone(ModelConfig(backbone="resnet10", stem="cifar", width=16)).state_dict()
    with pytest.raises(CheckpointError, match=r"conv1.weight is 16×3×3×3 there and 8×3×3×3 in the network"):
        checked(match(wide, small), wide, small, "resnet10")
    deep = build_backbone(ModelConfig(backbone="resnet18", stem="cifar", width=8)).state_dict()
    with pytest.raises(CheckpointError, match=r"further layers \(layer1.1.conv1.weight"):
        checked(match(deep, small), deep, small, "resnet10")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda v: v / 0, "no numbers"),
        (lambda v: v.to("meta"), "is a meta tensor"),
        (lambda v: (10 * v).to(torch.int8), r"quantised \(int8\)"),
        (lambda v: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8), r"quantised \(qint8\)"),
    ],
)
def test_tensors_that_are_no_weights_are_named(
    small: Backbone, broken: Callable[[Tensor], Tensor], message: str
) -> None:
    weights = {**small.state_dict(), "conv1.weight": broken(small.state_dict()["conv1.weight"])}
    with pytest.raises(CheckpointError, match=f"conv1.weight .*{message}"):
        match(weights, small)


def test_by_order_only_shapes_and_kinds_count(small: Backbone) -> None:
    """The classifier that follows is left over; a tensor of another shape ends the match."""
    renamed = {f"a{i}.{n.rpartition('.')[2]}": v for i, (n, v) in enumerate(small.state_dict().items())}
    renamed["z.weight"] = torch.zeros(10, 64)
    found = match(renamed, small, by_order=True)
    assert not found.missing
    assert found.left_over == ("z.weight",)
    assert all(torch.equal(found.weights[n], v) for n, v in small.state_dict().items() if v.ndim)
    other = {**renamed, "a6.weight": nn.Linear(2, 2).weight}
    assert len(match(other, small, by_order=True).missing) == 60 - 5
