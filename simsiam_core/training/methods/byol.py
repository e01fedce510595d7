"""BYOL (Grill et al., 2020): views predict the projections of a target network that follows slowly."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from simsiam_core.training.method import Method

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.config import Config
    from simsiam_core.model import JointEmbedding
    from simsiam_core.training.step import Step


def _network(config: Config) -> JointEmbedding:
    """Build the network of section 3.3: two layers each in projector and predictor, no batch norm at their ends."""
    from simsiam_core.model import TargetEmbedding, build_backbone
    from simsiam_core.model.joint_embedding import mlp

    model = config.model
    backbone = build_backbone(model, config.data.image_size)
    projector = mlp((backbone.feature_dim, model.projector_dim, model.projection_dim))
    predictor = mlp((model.projection_dim, model.predictor_hidden, model.projection_dim))
    return TargetEmbedding(backbone, projector, predictor if model.predictor else None)


def byol_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Return 2 − 2 cos(p, z') of equation 2, averaged over the batch: 0 to 4."""
    import torch.nn.functional as F

    return 2 - 2 * F.cosine_similarity(prediction.float(), target.float(), dim=1).mean()


def _loss(step: Step) -> Tensor:
    """Return the loss of a pair of views in both directions (equation 3), averaged over all pairs."""
    import torch

    from simsiam_core.model import TargetEmbedding

    assert isinstance(step.network, TargetEmbedding)
    targets = [step.network.target_projections(view) for view in step.views.views]
    predictions = [output.p for output in step.outputs]
    both = [byol_loss(predictions[i], targets[j]) for i, j in permutations(range(len(targets)), 2)]
    return 2 * torch.stack(both).mean()


ENTRY = Method(
    title="BYOL",
    help="Each view predicts the projection of the other by a target network, the moving average of the trained one "
    "(Grill et al., 2020).",
    network=_network,
    loss=_loss,
    advice="a low loss is not success. Check that the predictor is on and that Target momentum is near 1, and try a "
    "lower learning rate.",
    target_passes=True,
)
