from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from simsiam_core.config import ModelConfig
from simsiam_core.model import Output, SimSiam, build_backbone, negative_cosine, rotation_task, simsiam_loss

SMALL = ModelConfig(backbone="resnet10", stem="stride2", width=8, projector_dim=16, predictor_hidden=8)


def leaf(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, requires_grad=True)


def test_loss_equals_a_hand_computed_case() -> None:
    # cos(p1, z2) = 3/5 and 0; cos(p2, z1) = 1 and −1/√2
    first = Output(p=leaf([1.0, 0.0], [0.0, 2.0]), z=leaf([0.0, 3.0], [1.0, 1.0]))
    second = Output(p=leaf([0.0, 5.0], [-1.0, 0.0]), z=leaf([3.0, 4.0], [7.0, 0.0]))
    expected = -0.5 * (0.6 + 0.0) / 2 - 0.5 * (1.0 - 2**-0.5) / 2
    assert simsiam_loss([first, second]).item() == pytest.approx(expected, abs=1e-7)


def test_more_views_predict_the_mean_of_the_others() -> None:
    """FastSiam's target, by hand: cos(p1, (z2 + z3) / 2), and so on around."""
    z = [torch.tensor([row]) for row in ([3.0, 0.0], [0.0, 1.0], [1.0, 1.0])]
    p = [torch.tensor([row]) for row in ([1.0, 0.0], [0.0, 1.0], [2.0, 0.0])]
    others = [[0.5, 1.0], [2.0, 0.5], [1.5, 0.5]]
    cosines = [
        a @ torch.tensor(b) / (a.norm() * torch.tensor(b).norm()) for (a,), b in zip(p, others, strict=True)
    ]
    loss = simsiam_loss([Output(*pair) for pair in zip(z, p, strict=True)])
    torch.testing.assert_close(loss, -torch.stack(cosines).mean())


def test_two_views_give_the_symmetric_loss_to_the_last_bit() -> None:
    first, second = (Output(z=torch.randn(64, 32), p=torch.randn(64, 32)) for _ in range(2))
    symmetric = 0.5 * negative_cosine(first.p, second.z) + 0.5 * negative_cosine(second.p, first.z)
    assert torch.equal(simsiam_loss([first, second]), symmetric)
    with pytest.raises(ValueError, match="too few"):
        simsiam_loss([first])


def test_crops_are_turned_by_quarters_and_labelled() -> None:
    crops = torch.arange(12.0).view(1, 3, 2, 2).repeat(2, 1, 1, 1)
    turned, turns = rotation_task(crops)
    assert turns.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert turned[0, 0].tolist() == [[0, 1], [2, 3]]
    assert turned[2, 0].tolist() == [[1, 3], [0, 2]]  # counter-clockwise
    assert turned[4, 0].tolist() == [[3, 2], [1, 0]]


def test_no_gradient_flows_through_z_unless_the_ablation_asks_for_it() -> None:
    first = Output(p=leaf([1.0, 0.5]), z=leaf([0.2, 3.0]))
    second = Output(p=leaf([0.3, 5.0]), z=leaf([3.0, 4.0]))
    simsiam_loss([first, second]).backward()
    assert first.z.grad is None
    assert second.z.grad is None
    assert first.p.grad is not None
    assert first.p.grad.abs().sum() > 0
    simsiam_loss([first, second], stop_gradient=False).backward()
    assert first.z.grad is not None
    assert first.z.grad.abs().sum() > 0


def test_gradient_of_p_is_that_of_the_cosine() -> None:
    """d(−cos)/dp = −(ẑ − cos·p̂)/‖p‖."""
    p, z = leaf([3.0, 4.0]), torch.tensor([[1.0, 0.0]])
    negative_cosine(p, z).backward()
    expected = -(torch.tensor([1.0, 0.0]) - 0.6 * torch.tensor([0.6, 0.8])) / 5
    torch.testing.assert_close(p.grad, expected[None])


def test_the_encoder_learns_through_p_alone() -> None:
    """With the predictor frozen at zero output weights, nothing reaches the backbone."""
    network = SimSiam(SMALL)
    assert isinstance(network.predictor, nn.Sequential)
    nn.init.zeros_(network.predictor[3].weight)
    views = torch.randn(2, 4, 3, 16, 16)
    simsiam_loss([network(views[0]), network(views[1])]).backward()
    assert all(p.grad is None or not p.grad.any() for p in network.backbone.parameters())


def test_heads_are_the_published_ones() -> None:
    network = SimSiam(ModelConfig(projector_dim=2048, predictor_hidden=512))
    kinds = [type(m).__name__ for m in network.projector]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"]
    assert isinstance(network.predictor, nn.Sequential)
    assert [type(m).__name__ for m in network.predictor] == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert network.predictor[0].weight.shape == (512, 2048)
    assert network.predictor[3].weight.shape == (2048, 512)


def test_ablations_of_the_heads() -> None:
    z, p, _ = SimSiam(SMALL.model_copy(update={"predictor": False}))(torch.randn(4, 3, 16, 16))
    assert z is p
    last = SimSiam(SMALL.model_copy(update={"projector_affine": False})).projector[-1]
    assert isinstance(last, nn.BatchNorm1d)
    assert last.weight is None
    assert len(SimSiam(SMALL.model_copy(update={"projector_layers": 3})).projector) == 8


@pytest.mark.parametrize(
    ("stem", "size", "resolution"), [("cifar", 32, 32), ("stride2", 32, 16), ("imagenet", 96, 24)]
)
def test_stems(stem: str, size: int, resolution: int) -> None:
    backbone = build_backbone(ModelConfig(stem=stem, width=8, backbone="resnet10"))  # type: ignore[arg-type]
    first_stage = backbone.maxpool(backbone.conv1(torch.zeros(2, 3, size, size)))
    assert first_stage.shape[-1] == resolution
    assert backbone(torch.zeros(2, 3, size, size)).shape == (2, 64)


def test_weights_load_into_torchvisions_resnet18_with_the_cifar_stem() -> None:
    ours = build_backbone(ModelConfig()).eval()
    theirs = resnet18()
    theirs.conv1, theirs.maxpool, theirs.fc = (
        nn.Conv2d(3, 64, 3, 1, 1, bias=False),
        nn.Identity(),
        nn.Identity(),
    )
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(theirs.eval()(images), ours(images))
