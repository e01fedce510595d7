"""Interface of a training method: its texts, its network, and its loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.config import Config
    from simsiam_core.model import JointEmbedding
    from simsiam_core.training.step import Step

# Advice where the representation collapses, for methods that have nothing more specific.
LOWER_THE_RATE = "a low loss is not success. Try a lower learning rate or a larger batch."


@dataclass(frozen=True)
class Method:
    """Training method. Its functions import torch only when they are called.

    Settings that only some methods use are in config/sections/, and name them.
    """

    title: str
    help: str  # the idea in a sentence, with the paper
    # Builds the network with random weights, drawn from torch's global generator. Raises ConfigError.
    network: Callable[[Config], JointEmbedding]
    # Computes the loss `[]` of a step, with gradients. It is the mean over the images of this process, or a loss
    # of the whole batch, from `Step.gathered`, which is then the same in every process.
    loss: Callable[[Step], Tensor]
    advice: str = LOWER_THE_RATE  # the end of the sentence about a collapsed representation
    rotates: bool = False  # whether the loss needs small crops, which `Step.views` then has
    target_passes: bool = False  # whether every view also goes through a target network, without gradient
