"""Out-of-fold class probabilities from a linear classifier on features, used to find suspicious labels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

FOLDS = 5
WEIGHT_DECAY = 0.01
ITERATIONS = 40  # of L-BFGS; more iterations do not change the ranking


def held_out_probabilities(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Estimate out-of-fold class probabilities [N, classes] by 5-fold cross-validated logistic regression.

    A label with low probability is suspicious (confident learning, Northcutt et al. 2021). Features [N, d]
    are centred and scaled here; folds are random but the same on every call.
    """
    x = features.float() - features.float().mean(dim=0)
    x = F.pad(x / x.std().clamp(min=1e-6), (0, 1), value=1.0)  # the last column is the bias
    generator = torch.Generator().manual_seed(0)
    fold = torch.randperm(len(x), generator=generator) % FOLDS
    found = torch.zeros(len(x), classes)
    for held_out in range(FOLDS):
        seen = fold != held_out
        inputs, targets = x[seen], labels[seen]
        weights = torch.zeros(x.shape[1], classes, requires_grad=True)
        optimiser = torch.optim.LBFGS([weights], max_iter=ITERATIONS)

        def loss(
            weights: Tensor = weights,
            inputs: Tensor = inputs,
            targets: Tensor = targets,
            optimiser: torch.optim.Optimizer = optimiser,
        ) -> Tensor:
            optimiser.zero_grad()
            with torch.enable_grad():
                value = F.cross_entropy(inputs @ weights, targets) + WEIGHT_DECAY * weights.square().sum()
                value.backward()
            return value

        optimiser.step(loss)
        found[~seen] = (x[~seen] @ weights.detach()).softmax(dim=1)
    return found
