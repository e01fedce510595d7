"""Each piece of the fast path leaves the training as it is: the same losses, fp32 on the CPU."""

from __future__ import annotations

import pytest
import torch
from fitting import trained
from tiny import tiny

from simsiam_core.config import Config
from simsiam_core.data import Augmentation, Dataset, augmentation, load
from simsiam_core.features.encode import encode
from simsiam_core.features.knn import knn_accuracy
from simsiam_core.model import SimSiam, simsiam_loss
from simsiam_core.training.batches import Batches, counter_seed
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.schedule import lr_factor

STEPS = 6  # from then on, a unit that is on for one rounding and off for the other can set two curves apart
TOLERANCE = 1e-5  # of a loss; each piece alone rounds differently by about 1e-7 a step


def plainly(config: Config, dataset: Dataset) -> tuple[SimSiam, list[float]]:
    """The method without any of it: a bare loop, NCHW, the plain SGD of torch, the images where they are."""
    seed, o = config.training.seed, config.optimiser
    torch.manual_seed(seed)
    network, batches = SimSiam(config.model), Batches(dataset.train, config.training.batch_size, seed)
    augment = Augmentation(config.augmentation, config.data.image_size, dataset.mean, dataset.std)
    sgd = torch.optim.SGD(
        network.parameters(), momentum=o.momentum, weight_decay=o.weight_decay, foreach=False, fused=False
    )
    losses, generator, total = [], torch.Generator(), len(batches) * config.training.epochs
    for step in range(total):
        for group in sgd.param_groups:
            warmup = o.warmup_epochs * len(batches)
            group["lr"] = config.lr * lr_factor(step, warmup_steps=warmup, total_steps=total)
        generator.manual_seed(counter_seed(seed, 1, step))
        images = batches.batch(step // len(batches), step % len(batches))
        first, second = (network(view) for view in augment.views(images, generator))
        loss = simsiam_loss([first, second])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    return network, losses


def test_lightning_channels_last_and_the_fused_optimiser_change_nothing() -> None:
    config = tiny()
    _, losses = plainly(config, load(config.data))
    assert trained(config, STEPS)[1].losses == pytest.approx(losses[:STEPS], abs=TOLERANCE)


def test_images_fetched_ahead_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = trained(tiny())[1].losses
    to = Batches.to
    monkeypatch.setattr(Batches, "to", lambda self, device: to(self, device, resident=False))
    assert trained(tiny())[1].losses == usual


def test_the_views_of_the_kernel_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(augmentation={"blur_probability": 0.5})
    usual = trained(config, STEPS)[1].losses
    monkeypatch.setattr(augmentation, "cpu_kernel", lambda: None)
    assert trained(config, STEPS)[1].losses == pytest.approx(usual, abs=TOLERANCE)


def test_a_compiled_network_has_the_same_weights_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda model, **_: model)  # the compiler itself takes a minute
    compiled, record = trained(tiny(training={"compile": "always"}), steps=2)
    plain, usual = trained(tiny(), steps=2)
    assert compiled.state_dict().keys() == plain.state_dict().keys()
    assert record.losses == usual.losses


def test_knn_accuracy_is_that_of_the_plain_loop_over_three_seeds() -> None:
    """To within what a hundred test images can tell: two standard errors a seed, one in the mean."""
    differences = []
    for seed in range(3):
        config = tiny(training={"seed": seed}, data={"test_limit": 100})
        dataset = load(config.data)
        module, _ = trained(config)
        network, _ = plainly(config, dataset)
        differences.append(accuracy(module, dataset) - accuracy(module, dataset, network.backbone))
    standard_error = (0.15 * 0.85 / 100) ** 0.5
    assert max(map(abs, differences)) < 2 * standard_error
    assert abs(sum(differences)) / 3 < standard_error


def accuracy(module: SimSiamModule, dataset: Dataset, backbone: torch.nn.Module | None = None) -> float:
    encoder = module.encoder()
    if backbone is not None:
        encoder.backbone.load_state_dict(backbone.state_dict())
    encoder.backbone.eval()
    train, test = dataset.train, dataset.split("test")
    assert train.labels is not None and test.labels is not None
    bank, queries = encode(encoder, train), encode(encoder, test)
    return knn_accuracy(bank, train.labels, queries, test.labels, 5, 0.1)
