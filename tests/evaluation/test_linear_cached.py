"""The sweep against scikit-learn on the same features, and against torch's own gradient."""

from __future__ import annotations

import warnings

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F

from simsiam_core.evaluation.heads import Heads, Setting
from simsiam_core.evaluation.linear_cached import SWEEP, sweep


def features(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Five overlapping classes in 16 dimensions, correlated as real features are."""
    fixed, own = torch.Generator().manual_seed(0), torch.Generator().manual_seed(seed)
    centres, mix = torch.randn(5, 16, generator=fixed), torch.randn(16, 16, generator=fixed)
    labels = torch.arange(count) % 5
    noise = 2 * torch.randn(count, 16, generator=own)
    return F.normalize((centres[labels] + noise) @ mix, dim=1), labels


def test_it_reaches_scikit_learn() -> None:
    train, test = features(4000, 1), features(4000, 2)
    ours = sweep(train, test, epochs=100, batch_size=256, validation_share=0.1, seed=0)
    best = 0.0
    for c in (0.01, 0.1, 1.0, 10.0):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=300))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            best = max(best, model.fit(*(t.numpy() for t in train)).score(*(t.numpy() for t in test)))
    assert best > 0.4  # chance is 0.2
    assert ours.test_accuracy > best - 0.003
    assert len(ours.validation_by_setting) == len(SWEEP) == 12
    assert ours.validation_accuracy == max(ours.validation_by_setting.values())


def test_it_is_the_same_again() -> None:
    train, test = features(500, 1), features(100, 2)
    first, second = (
        sweep(train, test, epochs=3, batch_size=64, validation_share=0.1, seed=5) for _ in range(2)
    )
    assert first.validation_by_setting == second.validation_by_setting
    assert torch.equal(first.predicted, second.predicted)


def test_a_step_is_that_of_torch_for_every_setting() -> None:
    x, y = features(64, 3)
    settings = [Setting(0.1, 0.0), Setting(0.5, 0.01)]
    heads = Heads(16, 5, settings, torch.device("cpu"))
    references = []
    for setting in settings:
        layer = torch.nn.Linear(16, 5)
        torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
        groups = [{"params": [layer.weight], "weight_decay": setting.weight_decay}, {"params": [layer.bias]}]
        references.append((layer, torch.optim.SGD(groups, lr=setting.lr, momentum=0.9)))
    for _ in range(5):
        heads.step(x, y, 1.0)
        for layer, optimiser in references:
            optimiser.zero_grad()
            F.cross_entropy(layer(x), y).backward()
            optimiser.step()
    scores = heads.scores(x)
    for index, (layer, _) in enumerate(references):
        torch.testing.assert_close(scores[:, index], layer(x).detach(), rtol=1e-4, atol=1e-5)
