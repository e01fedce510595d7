"""Freezing: the first stages of the backbone do not train for some epochs, and batch norms keep their statistics."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from simsiam_core.config import TrainingConfig
from simsiam_core.model.stages import modules_within, stage_of


class Freezing:
    """The stages of a backbone that are frozen at first, as a function of the epoch.

    Frozen parameters get no gradient, so that the optimiser passes over them, with its momentum and weight
    decay; their modules are in evaluation mode, which keeps the running statistics of batch norms. With
    `frozen_batch_norm` all batch norms of the backbone are in that mode throughout; their weights train.
    """

    def __init__(self, backbone: nn.Module, config: TrainingConfig) -> None:
        self._epochs = config.frozen_epochs
        self._wanted = config.frozen_stages
        stages = stage_of(backbone) if self._wanted else {}
        self.count = 1 + max(stages.values(), default=-1)  # of all stages
        frozen = {name for name, stage in stages.items() if stage < self._wanted}
        self._parameters = [parameter for name, parameter in backbone.named_parameters() if name in frozen]
        self._modules = modules_within(backbone, frozen) if frozen else []
        norms = [module for module in backbone.modules() if isinstance(module, _BatchNorm)]
        self._norms = norms if config.frozen_batch_norm else []
        self._all = sum(parameter.numel() for parameter in backbone.parameters())
        self._now = False

    def apply(self, epoch: int) -> bool:
        """Freeze or unfreeze for the next step, in epoch `epoch`; returns whether that is a change.

        To be called before every step: what evaluates the network sets all modules to training mode again.
        """
        frozen = bool(self._parameters) and epoch < self._epochs
        changed = frozen != self._now
        if changed and not frozen:
            for module in self._modules:
                module.train()
        for module in (*self._norms, *(self._modules if frozen else ())):
            if module.training:
                module.eval()
        if not changed:
            return False
        self._now = frozen
        for parameter in self._parameters:
            parameter.requires_grad_(not frozen)
        return True

    def sentence(self) -> str:
        """Say what is frozen now, for the log."""
        if not self._now:
            return "The whole backbone trains from here on."
        fixed = sum(parameter.numel() for parameter in self._parameters)
        until = f"{self._epochs} epochs" if self._epochs > 1 else "epoch"
        return (
            f"Frozen for the first {until}: {min(self._wanted, self.count)} of {self.count} stages of the backbone, "
            f"{fixed:,} of its {self._all:,} weights."
        )


def start_momentum(optimiser: torch.optim.Optimizer) -> None:
    """Give parameters that train, and have no momentum yet, one of zero if others have it: as in a first step.

    Torch's fused SGD cannot step parameters with and without momentum together, which it would have to after
    some of them were frozen.
    """
    key = "momentum_buffer"
    parameters = [p for group in optimiser.param_groups for p in group["params"] if p.requires_grad]
    if not any(optimiser.state[p].get(key) is not None for p in parameters if p in optimiser.state):
        return
    for parameter in parameters:
        if optimiser.state[parameter].get(key) is None:
            optimiser.state[parameter][key] = torch.zeros_like(parameter)
