"""Networks of joint-embedding methods: a backbone with a projector, a predictor, and a target network."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn

from simsiam_core.model.backbone import Backbone
from simsiam_core.model.precision import true_fp32


class Output(NamedTuple):
    """The network's output for one view: projection z and prediction p, both `[B, D]`.

    Without a predictor, p is z. `features`, `[B, dim]`, is the backbone output from which they were computed.
    """

    z: Tensor
    p: Tensor
    features: Tensor | None = None


class JointEmbedding(nn.Module):
    """Backbone with a projector and, where the method has one, a predictor.

    The projector consists of linear layers, batch norms and activations.
    """

    # Methods other than `forward` that training calls; compilation replaces them too.
    entry_points: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, backbone: Backbone, projector: nn.Sequential, predictor: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = projector
        self.predictor = predictor or nn.Identity()

    def forward(self, view: Tensor) -> Output:
        """Encode, project and predict one normalised view `[B, 3, S, S]`.

        Pass one view at a time: batch-norm statistics over two concatenated views would differ from the
        published methods.
        """
        features = self.backbone(view)
        z = self.projector(features)
        return Output(z=z, p=self.predictor(z), features=features)

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters that an optimiser trains by name, with those that are frozen for now."""
        return dict(self.named_parameters())

    @torch.no_grad()
    def fp32_projections(self, features: Tensor) -> Tensor:
        """Project features `[B, dim]` as in training, but in fp32: for metrics that half precision distorts.

        Batch norms use the statistics of these features only; running statistics are not updated, and
        statistics are not synchronised between processes.
        """
        x = features.float()
        with true_fp32(x.device.type):
            for layer in self.projector:
                if isinstance(layer, _BatchNorm):
                    x = F.batch_norm(x, None, None, layer.weight, layer.bias, training=True, eps=layer.eps)
                else:
                    x = layer(x)
        return x


class TargetEmbedding(JointEmbedding):
    """Network with a target: an average over time of its backbone and projector, without gradient.

    The mean teacher of BYOL (Grill et al., 2020, section 3.1). Weights of the target are in `target.`; its
    batch norms use batch statistics, as those of the network do.
    """

    entry_points = ("target_projections",)

    def __init__(
        self, backbone: Backbone, projector: nn.Sequential, predictor: nn.Module | None = None
    ) -> None:
        super().__init__(backbone, projector, predictor)
        self.target = nn.ModuleDict(
            {name: copy.deepcopy(part) for name, part in (("backbone", backbone), ("projector", projector))}
        ).requires_grad_(False)

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters that an optimiser trains by name: all except those of the target."""
        return {name: p for name, p in self.named_parameters() if not name.startswith("target.")}

    @torch.no_grad()
    def target_projections(self, view: Tensor) -> Tensor:
        """Project one normalised view `[B, 3, S, S]` with the target: `[B, D]`, without gradient."""
        return cast(Tensor, self.target["projector"](self.target["backbone"](view)))

    @torch.no_grad()
    def start_target(self) -> None:
        """Set the target, with its batch norms' statistics, to the network as it is."""
        for name, part in self.target.items():
            part.load_state_dict(getattr(self, name).state_dict())

    @torch.no_grad()
    def update_target(self, momentum: float) -> None:
        """Move the target's parameters towards the network's: ξ ← τ ξ + (1 − τ) θ (BYOL, equation 1)."""
        network = [p for name in self.target for p in getattr(self, name).parameters()]
        get_ema_multi_avg_fn(momentum)(list(self.target.parameters()), network, 0)


def mlp(widths: Sequence[int], *, final_bias: bool = True) -> nn.Sequential:
    """Build linear layers from `widths[0]` to `widths[-1]`, with batch norm and ReLU on all but the last."""
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(pairwise(widths), start=2):
        if index == len(widths):
            layers.append(nn.Linear(before, after, bias=final_bias))
        else:
            layers.append(nn.Linear(before, after, bias=False))  # the batch norm adds the bias
            layers += [nn.BatchNorm1d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
