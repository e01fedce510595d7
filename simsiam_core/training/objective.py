"""Training objective: random views of a batch, and the loss of a network on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from simsiam_core.config import Config
from simsiam_core.config.network import network_settings
from simsiam_core.data import Augmentation
from simsiam_core.data.image_set import Triple
from simsiam_core.metrics.train_rotation_accuracy import ROTATION_ACCURACY
from simsiam_core.model import SimSiam, rotation_task, simsiam_loss
from simsiam_core.training.ranks import Ranks


@dataclass(frozen=True)
class Views:
    """Views `[B, 3, S, S]` of every image and, for the rotation task, small crops `[B, 3, C, C]`."""

    views: tuple[Tensor, ...]
    crops: Tensor | None


@dataclass(frozen=True)
class Losses:
    """Loss of a step, with the tensors that metrics are measured from."""

    total: Tensor
    z: Tensor  # [B, projector_dim], of the first view
    half_features: Tensor | None = None  # [B, dim] from which z was computed, if in half precision
    metrics: Mapping[str, Tensor] = field(default_factory=dict)  # by name, of this process's images, detached


class Objective:
    """Objective of a config, shared by training, its benchmark, and its estimates of time and memory."""

    def __init__(self, config: Config, mean: Triple, std: Triple, ranks: Ranks | None = None) -> None:
        self.config = config
        self._share = (ranks.index, ranks.count) if ranks else (0, 1)
        size, augmentation = config.data.image_size, config.augmentation
        self._augmentation = Augmentation(augmentation, size, mean, std)
        self._crops = Augmentation(augmentation, size, mean, std, config.objective.rotation_crop)

    @property
    def rotates(self) -> bool:
        """Whether rotation prediction is part of the objective."""
        return network_settings(self.config).rotation

    def network(self) -> SimSiam:
        """Build a network with the heads that it needs, in channels_last, which speeds up convolutions."""
        settings = network_settings(self.config)
        network = SimSiam(settings.model, self.config.data.image_size, rotation=settings.rotation)
        return network.to(memory_format=torch.channels_last)

    def views(self, images: Tensor, generator: torch.Generator) -> Views:
        """Make views of uint8 images `[B, 3, S, S]`; the same generator state gives the same views."""
        views = self._augmentation.views(images, generator, self.config.objective.views, self._share)
        crops = self._crops.views(images, generator, 1, self._share)[0] if self.rotates else None
        return Views(
            tuple(view.contiguous(memory_format=torch.channels_last) for view in views),
            crops.contiguous(memory_format=torch.channels_last) if crops is not None else None,
        )

    def losses(self, network: SimSiam, views: Views) -> Losses:
        """Compute SimSiam's loss, plus that of predicting the rotation of the crops (E-SimSiam).

        Views go through the network one at a time, after the rotated crops, so that the running statistics of
        the batch norms, which are used at inference, end on full-size views.
        """
        rotation, metrics = None, dict[str, Tensor]()
        if views.crops is not None:
            turned, turns = rotation_task(views.crops)
            logits = network.tell_rotation(turned).float()
            rotation = F.cross_entropy(logits, turns)
            metrics[ROTATION_ACCURACY] = (logits.detach().argmax(1) == turns).float().mean()
        outputs = [network(view) for view in views.views]
        loss = simsiam_loss(outputs, stop_gradient=self.config.model.stop_gradient)
        if rotation is not None:
            loss = loss + self.config.objective.rotation_weight * rotation
        z, features = outputs[0].z.detach(), outputs[0].features
        half = features.detach() if features is not None and features.dtype != torch.float32 else None
        return Losses(loss, z.float(), half, metrics)

    @property
    def passes(self) -> float:
        """Number of full-size images that go through the network for each image of a batch."""
        o, size = self.config.objective, self.config.data.image_size
        return o.views + (4 * (o.rotation_crop / size) ** 2 if self.rotates else 0.0)
