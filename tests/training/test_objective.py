from __future__ import annotations

import pytest
import torch
from fitting import trained
from tiny import tiny

from simsiam_core.config import ConfigError
from simsiam_core.metrics.train_rotation_accuracy import ROTATION_ACCURACY
from simsiam_core.model import Output, negative_cosine, simsiam_loss, with_small_views
from simsiam_core.training.estimate import work
from simsiam_core.training.objective import Objective

GREY = (0.5,) * 3, (0.25,) * 3
ROTATION = {"rotation_weight": 0.4, "rotation_crop": 8}


def images() -> torch.Tensor:
    return torch.randint(
        0, 256, (20, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def test_views_are_as_many_as_asked_and_the_first_two_do_not_change() -> None:
    two, four = (
        Objective(tiny(objective={"views": n}), *GREY).views(images(), torch.Generator().manual_seed(2))
        for n in (2, 4)
    )
    assert [len(two.views), len(four.views)] == [2, 4]
    assert torch.equal(two.views[0], four.views[0])
    assert two.crops is None


@pytest.mark.parametrize("views", [3, 4])
def test_several_views_train_and_their_batch_statistics_are_apart(views: int) -> None:
    module, record = trained(tiny(objective={"views": views}), steps=4)
    assert int(module.network.backbone.bn1.num_batches_tracked) == 4 * views
    assert all(-1 <= loss <= 1 for loss in record.losses)


def test_small_views_predict_the_mean_of_the_others_and_change_nothing_else() -> None:
    small = {"local_views": 3, "local_size": 8}
    plain, ours = (Objective(tiny(objective=o), *GREY) for o in ({}, small))
    torch.manual_seed(0)
    network = ours.network()
    before, views = (o.views(images(), torch.Generator().manual_seed(2)) for o in (plain, ours))
    assert [tuple(view.shape) for view in views.local] == [(20, 3, 8, 8)] * 3 and before.local == ()
    assert all(torch.equal(a, b) for a, b in zip(before.views, views.views, strict=True))
    outputs, local = ([network(view) for view in group] for group in (views.views, views.local))
    target = (outputs[0].z + outputs[1].z) / 2
    predicted = sum(negative_cosine(output.p, target) for output in local)
    expected = (2 * simsiam_loss(outputs) + predicted) / 5
    assert float(ours.losses(network, views).total) == pytest.approx(float(expected), abs=1e-5)
    assert (plain.passes, ours.passes) == (2, 2.75)


def test_no_gradient_reaches_the_target_of_the_small_views() -> None:
    z, p = (torch.randn(4, 6, requires_grad=True) for _ in range(2))
    local = [Output(z=torch.randn(4, 6), p=p)] * 2
    with_small_views(torch.zeros(()), [Output(z=z, p=z)] * 2, local).backward()
    assert z.grad is None and p.grad is not None and p.grad.abs().sum() > 0


def test_small_views_train_and_full_size_ones_come_last() -> None:
    module, record = trained(tiny(objective={"local_views": 2, "local_size": 8}), steps=4)
    assert int(module.network.backbone.bn1.num_batches_tracked) == 4 * 4
    assert all(-1 <= loss <= 1 for loss in record.losses)
    assert work(tiny(objective={"local_views": 2, "local_size": 8})).flop > work(tiny()).flop


@pytest.mark.parametrize(
    ("objective", "sentence"),
    [
        (
            {"local_views": 2, "local_size": 32},
            "Size of small views is 32 px; it must not exceed Image size, 16",
        ),
        ({"local_scale_min": 0.3}, "it must not exceed Largest crop of small views, 0.2"),
    ],
)
def test_small_views_that_cannot_be_are_refused(objective: dict, sentence: str) -> None:
    assert tiny(objective={"local_size": 32})
    with pytest.raises(ConfigError, match=sentence):
        tiny(objective=objective)


def test_rotation_adds_its_weighted_loss_and_leaves_the_rest_as_it_was() -> None:
    torch.manual_seed(0)
    plain = Objective(tiny(), *GREY)
    network = plain.network()
    torch.manual_seed(0)
    objective = Objective(tiny(objective=ROTATION), *GREY)
    turning = objective.network()
    assert all(torch.equal(value, turning.state_dict()[name]) for name, value in network.state_dict().items())
    views = objective.views(images(), torch.Generator().manual_seed(2))
    assert views.crops is not None
    assert views.crops.shape == (20, 3, 8, 8)
    losses = objective.losses(turning, views)
    both = simsiam_loss([network(view) for view in views.views])
    untrained = 0.4 * torch.tensor(4.0).log()  # of a head that knows nothing
    assert (losses.total - both).item() == pytest.approx(untrained.item(), rel=0.5)
    assert 0 <= losses.metrics[ROTATION_ACCURACY] <= 1


def test_rotations_are_learnt() -> None:
    """Twelve steps are enough to beat one in four on images whose upper half is bright."""
    config = tiny(objective=ROTATION, augmentation={"crop_scale_min": 1.0, "jitter_probability": 0})
    objective = Objective(config, *GREY)
    torch.manual_seed(0)
    network = objective.network()
    sky = images() // 4
    sky[:, :, :8] += 180
    sgd = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    for _ in range(12):
        losses = objective.losses(network, objective.views(sky, generator))
        sgd.zero_grad()
        losses.total.backward()
        sgd.step()
    assert losses.metrics[ROTATION_ACCURACY] > 0.6


def test_a_crop_that_does_not_fit_the_image_is_refused_only_where_it_is_used() -> None:
    assert tiny(objective={"rotation_crop": 64})
    with pytest.raises(ConfigError, match="between half of Image size and Image size, 8 and 16 px"):
        tiny(objective={"rotation_weight": 0.4, "rotation_crop": 64})
