"""Synchronised batch norm: statistics over a batch that is split across several processes."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from simsiam_core.config import ConfigError


class CpuSyncBatchNorm(_BatchNorm):
    """A CPU version of PyTorch's SyncBatchNorm, which supports only GPUs; weights have the same names.

    All processes must have the same number of images.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise `input` [B, C, …], one process's share, by mean and variance of the whole batch."""
        if not (self.training and dist.is_available() and dist.is_initialized()):
            return self.activate(super().forward(input))
        x, dims = input.float(), [0, *range(2, input.ndim)]
        shape = [1, -1, *[1] * (input.ndim - 2)]
        mean = _mean_over_processes(x.mean(dims))
        centred = x - mean.view(shape)
        variance = _mean_over_processes(centred.square().mean(dims))
        self._remember(mean.detach(), variance.detach(), dist.get_world_size() * x.numel() // x.shape[1])
        normed = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normed = normed * self.weight.view(shape) + self.bias.view(shape)
        return self.activate(normed.to(input.dtype))

    def activate(self, normed: Tensor) -> Tensor:
        """Return what follows the normalisation inside this layer: nothing."""
        return normed

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept any number of dimensions."""

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics, with the unbiased variance."""
        if not self.track_running_stats:
            return
        assert self.num_batches_tracked is not None and self.running_mean is not None
        assert self.running_var is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)


class CpuSyncBatchNormAct(CpuSyncBatchNorm):
    """The same for timm's BatchNormAct2d, a batch norm that holds the dropout and the activation after it."""

    drop: nn.Module
    act: nn.Module

    def activate(self, normed: Tensor) -> Tensor:
        """Apply dropout and activation."""
        return self.act(self.drop(normed))


class _Mean(torch.autograd.Function):
    """The mean over processes; its gradient includes the contributions of all processes."""

    @staticmethod
    def forward(context: Any, local: Tensor) -> Tensor:
        total = local.clone()
        dist.all_reduce(total)
        return total / dist.get_world_size()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total / dist.get_world_size()


def _mean_over_processes(local: Tensor) -> Tensor:
    return _Mean.apply(local)


def synchronise_batch_norms(network: nn.Module, *, cuda: bool) -> None:
    """Replace every batch norm inside `network` with a synchronised one, keeping the weights.

    Raises ConfigError at `training.sync_batch_norm` for a kind of batch norm that cannot be replaced.
    """
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm):
            whole = _synchronised(child, cuda)
            for new, old in zip(whole.parameters(), child.parameters(), strict=True):
                new.requires_grad_(old.requires_grad)  # that of a target network has none
            setattr(network, name, whole)
        else:
            synchronise_batch_norms(child, cuda=cuda)


def _synchronised(norm: _BatchNorm, cuda: bool) -> nn.Module:
    activates = _activates(norm)
    if type(norm).forward is not _BatchNorm.forward and not activates:
        raise ConfigError.at(
            "training.sync_batch_norm",
            f"This network has batch norms of its own, {type(norm).__name__}, which cannot be computed over all "
            "devices; switch Batch norm over all devices off, or choose one device.",
        )
    if cuda and activates:
        from timm.layers.norm_act import convert_sync_batchnorm

        return convert_sync_batchnorm(norm)
    assert norm.momentum is not None
    kind = nn.SyncBatchNorm if cuda else CpuSyncBatchNormAct if activates else CpuSyncBatchNorm
    whole = kind(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    if activates:
        whole.drop, whole.act = norm.drop, norm.act
    whole.load_state_dict(norm.state_dict())
    return whole


def _activates(norm: nn.Module) -> bool:
    """Return whether a batch norm is timm's BatchNormAct2d, asked without importing timm."""
    return any(kind.__name__ == "BatchNormAct2d" for kind in type(norm).__mro__)
