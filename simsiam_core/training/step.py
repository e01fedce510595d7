"""A training step as a method's loss sees it: views, the network's outputs, and the rows of all processes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import torch
from torch import Tensor

from simsiam_core.config import Config
from simsiam_core.model import JointEmbedding, Output
from simsiam_core.training.ranks import Ranks

PairLoss = Callable[[Tensor, Tensor], Tensor]  # of the projections [B, D] of two views


@dataclass(frozen=True)
class Views:
    """Views `[B, 3, S, S]` of every image and, for the rotation task, small crops `[B, 3, C, C]`.

    `local` are the small views `[B, 3, L, L]` of multi-crop.
    """

    views: tuple[Tensor, ...]
    crops: Tensor | None
    local: tuple[Tensor, ...] = ()


@dataclass
class Step:
    """Views of a step's images, and what the loss of a method is computed from."""

    network: JointEmbedding
    views: Views
    config: Config
    ranks: Ranks
    metrics: dict[str, Tensor] = field(default_factory=dict)  # by name, of this process's images, detached

    @cached_property
    def local_outputs(self) -> list[Output]:
        """Outputs of the network for the small views; to be asked for before those of the full-size ones."""
        return [self.network(view) for view in self.views.local]

    @cached_property
    def outputs(self) -> list[Output]:
        """Outputs of the network, a view at a time; computed when they are first asked for."""
        return [self.network(view) for view in self.views.views]

    @cached_property
    def gathered(self) -> list[Tensor]:
        """Projections `[B, D]` of every view in fp32, with the rows of all processes and their gradients."""
        return [self.ranks.all_gather_with_gradient(output.z.float()) for output in self.outputs]

    def mean_over_pairs(self, loss: PairLoss) -> Tensor:
        """Return the mean over all pairs of views of a loss of their gathered projections, in fp32."""
        device = self.gathered[0].device.type
        # The meta device, on which costs are counted, has no autocast.
        with torch.autocast(device, enabled=False) if device != "meta" else nullcontext():
            return torch.stack([loss(a, b) for a, b in combinations(self.gathered, 2)]).mean()
