"""SimSiam (Chen & He, 2020); with more than two views FastSiam (Pototzky et al., 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.runs.collapse import ADVICE
from simsiam_core.training.method import Method

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.config import Config
    from simsiam_core.model import JointEmbedding
    from simsiam_core.training.step import Step


def _network(config: Config) -> JointEmbedding:
    from simsiam_core.model import SimSiam

    return SimSiam(config.model, config.data.image_size)


def loss(step: Step) -> Tensor:
    """Return the loss of predicting each view's projection from the others (equation 4).

    Small views predict the mean projection of the full-size ones, which never predict them.
    """
    from simsiam_core.model import simsiam_loss, with_small_views

    local = step.local_outputs  # before the full-size views
    stop_gradient = step.config.model.stop_gradient
    loss = simsiam_loss(step.outputs, stop_gradient=stop_gradient)
    return with_small_views(loss, step.outputs, local, stop_gradient=stop_gradient) if local else loss


ENTRY = Method(
    title="SimSiam",
    help="Each view predicts the projection of the other, whose gradient is stopped (Chen & He, 2020).",
    network=_network,
    loss=loss,
    advice=ADVICE,
)
