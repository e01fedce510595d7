"""Training objective: random views of a batch, and the loss of a network on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from simsiam_core.config import Config
from simsiam_core.config.sections.network import RESNETS
from simsiam_core.data import Augmentation
from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.image_set import Triple
from simsiam_core.model import JointEmbedding, TargetEmbedding
from simsiam_core.model.cost import check_network
from simsiam_core.model.memory_format import channels_last
from simsiam_core.training.methods import METHODS
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.schedule import target_momentum
from simsiam_core.training.step import Step, Views

FORWARD_SHARE = 1 / 3  # of a pass through the network and back: the way back costs twice the way there


@dataclass(frozen=True)
class Losses:
    """Loss of a step, with the tensors that metrics are measured from."""

    total: Tensor
    z: Tensor  # [B, D], of the first view
    features: Tensor  # [B, dim], of the first view, detached
    half_features: Tensor | None = None  # [B, dim] from which z was computed, if in half precision
    metrics: Mapping[str, Tensor] = field(default_factory=dict)  # by name, of this process's images, detached


class Objective:
    """Objective of a config, shared by training, its benchmark, and its estimates of time and memory."""

    def __init__(self, config: Config, mean: Triple, std: Triple, ranks: Ranks | None = None) -> None:
        self.config = config
        self.method = METHODS.get(config.objective.method)
        self._ranks = ranks or Ranks()
        self._share = (ranks.index, ranks.count) if ranks else (0, 1)
        size, augmentation = config.data.image_size, config.augmentation
        self._augmentation = Augmentation(augmentation, size, mean, std)
        o = config.objective
        self._crops = Augmentation(augmentation, size, mean, std, o.rotation_crop)
        self._local = Augmentation(config.small_views, size, mean, std, o.local_size)

    @property
    def rotates(self) -> bool:
        """Whether rotation prediction is part of the objective."""
        return self.method.rotates

    def network(self) -> JointEmbedding:
        """Build a network with the heads that it needs, in channels_last, which speeds up convolutions.

        Raises ConfigError for a backbone that cannot be built or cannot take the images.
        """
        if self.rotates and self.config.model.backbone not in RESNETS:
            check_network(self.config)  # whether it takes the crops as well
        return channels_last(self.method.network(self.config))

    def views(self, images: Tensor | ImageBatch, generator: torch.Generator) -> Views:
        """Make views of uint8 images `[B, 3, S, S]`, or larger ones; the same generator state gives the same views."""
        views = self._augmentation.views(images, generator, self.config.objective.views, self._share)
        crops = self._crops.views(images, generator, 1, self._share)[0] if self.rotates else None
        local: tuple[Tensor, ...] = ()
        if small := self.config.objective.small_view_count:
            # Small crops shrink, also those of square images, so they need antialiasing.
            batch = images if isinstance(images, ImageBatch) else ImageBatch.of_square(images)
            local = self._local.views(batch, generator, small, self._share)
        return Views(
            tuple(view.contiguous(memory_format=torch.channels_last) for view in views),
            crops.contiguous(memory_format=torch.channels_last) if crops is not None else None,
            tuple(view.contiguous(memory_format=torch.channels_last) for view in local),
        )

    def losses(self, network: JointEmbedding, views: Views) -> Losses:
        """Compute the loss of the config's method. Views go through the network one at a time.

        The full-size ones do last, so that the running statistics of the batch norms, which are used at
        inference, end on them.
        """
        step = Step(network, views, self.config, self._ranks)
        loss = self.method.loss(step)
        first = step.outputs[0]
        assert first.features is not None
        z, features = first.z.detach(), first.features.detach()
        half = features if features.dtype != torch.float32 else None
        return Losses(loss, z.float(), features, half, step.metrics)

    def start(self, network: JointEmbedding) -> None:
        """Prepare a network that has its first weights, random or from elsewhere, for the first step."""
        if isinstance(network, TargetEmbedding):
            network.start_target()

    def after_step(self, network: JointEmbedding, step: int, total_steps: int) -> None:
        """Do what follows an optimiser step, the `step`-th from 0: a target network takes its share of it."""
        if isinstance(network, TargetEmbedding):
            o = self.config.objective
            network.update_target(
                target_momentum(step, total_steps, o.target_momentum, o.target_momentum_end)
            )

    @property
    def forward_passes(self) -> float:
        """Number of full-size images that go through a network for each image of a batch, a target's included."""
        o, size = self.config.objective, self.config.data.image_size
        rotated = 4 * (o.rotation_crop / size) ** 2 if self.rotates else 0.0
        small = o.small_view_count * (o.local_size / size) ** 2
        return o.views * (2 if self.method.target_passes else 1) + rotated + small

    @property
    def passes(self) -> float:
        """Number of full-size images that go through the network and back for each image of a batch."""
        target = self.config.objective.views if self.method.target_passes else 0  # these do not go back
        return self.forward_passes - (1 - FORWARD_SHARE) * target
