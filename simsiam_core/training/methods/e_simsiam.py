"""E-SimSiam (Dangovski et al., 2022): SimSiam that also tells by how many quarter turns a small crop was turned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.metrics.train_rotation_accuracy import ROTATION_ACCURACY
from simsiam_core.runs.collapse import ADVICE
from simsiam_core.training.method import Method
from simsiam_core.training.methods import simsiam

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.config import Config
    from simsiam_core.model import JointEmbedding
    from simsiam_core.training.step import Step


def _network(config: Config) -> JointEmbedding:
    from simsiam_core.model import SimSiam

    return SimSiam(config.model, config.data.image_size, rotation=True)


def _loss(step: Step) -> Tensor:
    """Return SimSiam's loss plus the weighted cross-entropy of the four quarter turns (equation 3).

    The turned crops go through the network before the views, so that the running statistics of the batch norms,
    which are used at inference, end on full-size views.
    """
    import torch.nn.functional as F

    from simsiam_core.model import SimSiam, rotation_task

    assert isinstance(step.network, SimSiam) and step.views.crops is not None
    turned, turns = rotation_task(step.views.crops)
    logits = step.network.tell_rotation(turned).float()
    rotation = F.cross_entropy(logits, turns)
    step.metrics[ROTATION_ACCURACY] = (logits.detach().argmax(1) == turns).float().mean()
    return simsiam.loss(step) + step.config.objective.rotation_weight * rotation


ENTRY = Method(
    title="E-SimSiam",
    help="SimSiam that also tells by how many quarter turns a small crop was turned (Dangovski et al., 2022).",
    network=_network,
    loss=_loss,
    advice=ADVICE,
    rotates=True,
)
