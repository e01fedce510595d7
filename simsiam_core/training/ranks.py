"""The processes of a run: each trains on its share of every batch, and all end at the same step.

torchrun or srun has started them, and Lightning's cluster environment says where they meet. Only the first one
writes the run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from simsiam_core.config import Config, ConfigError
from simsiam_core.jobs.ranks import rank
from simsiam_core.jobs.stop_request import ENDS, End
from simsiam_core.training.heartbeat import Heartbeat

PATIENCE = timedelta(days=7)  # of exchanges; heartbeats notice who is lost
MEETING = timedelta(minutes=10)  # for the first process to come
T = TypeVar("T")


def cluster_environment() -> ClusterEnvironment:
    """Return the source of this process's rank; a single process takes none from variables that it inherited."""
    if rank().count == 1:
        return LightningEnvironment()
    return TorchElasticEnvironment() if "WORLD_SIZE" in os.environ else SLURMEnvironment(auto_requeue=False)


class Ranks:
    """Index of this process among `count`; by default the only one, for which every method returns at once."""

    def __init__(self, index: int = 0, count: int = 1) -> None:
        self.index, self.count = index, count
        self._hosts: Any = None  # gloo group for messages between processes that bypass their GPUs
        self._heartbeat: Heartbeat | None = None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.index == 0

    def connect(self, config: Config, cuda: bool, on_loss: Callable[[str], None]) -> None:
        """Meet the other processes; from then on, one that is lost ends this one, after `on_loss`.

        Raises ConfigError if they are not as many as the config's devices.
        """
        if self.count != (devices := config.training.devices):
            raise ConfigError.at(
                "training.devices",
                f"Devices is {devices}, but {self.count} processes were started; start as many.",
            )
        if self.count == 1:
            return
        environment = cluster_environment()
        os.environ["MASTER_ADDR"] = environment.main_address
        os.environ["MASTER_PORT"] = str(environment.main_port)
        if rank().local_count == self.count and os.path.exists("/sys/class/net/lo"):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all processes are on this machine
        device = torch.device("cuda", environment.local_rank()) if cuda else None
        if device:
            torch.cuda.set_device(device)
        store, *_ = next(iter(rendezvous("env://", self.index, self.count, timeout=MEETING)))
        self._heartbeat = Heartbeat(store, self.index, self.count, on_loss)
        dist.init_process_group(
            "nccl" if cuda else "gloo",
            store=PrefixStore("group", store),
            rank=self.index,
            world_size=self.count,
            timeout=PATIENCE,
            device_id=device,
        )
        self._hosts = dist.new_group(backend="gloo", timeout=PATIENCE)

    def disconnect(self) -> None:
        """Wait until all processes are done, and disconnect from them."""
        if self._heartbeat is None:
            return
        dist.barrier(self._hosts)
        self._heartbeat.over.set()
        dist.barrier(self._hosts)  # nobody misses the heartbeats of a process that has ended
        self._hosts = self._heartbeat = None
        dist.destroy_process_group()

    def cause(self, own: str | None) -> str | None:
        """Return why the run ends, as a sentence: `own`, unless another process failed first."""
        if self._heartbeat is None:
            return own
        return self._heartbeat.cause(
            own if self.first else f"Process {self.index + 1} of {self.count}: {own}"
        )

    def first_is_lost(self) -> bool:
        """Return whether this process is to write why the run ends, in place of a first one that was lost."""
        return self._heartbeat is not None and self._heartbeat.first_is_lost()

    def shard(self, length: int) -> slice:
        """Return this process's share of `length` items; the shares of all processes are consecutive."""
        return slice(length * self.index // self.count, length * (self.index + 1) // self.count)

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a number over all processes, without gradient; does not wait for the device."""
        if self.count == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.count

    def all_gather(self, rows: Tensor) -> Tensor:
        """Return the rows `[b, …]` of all processes, in process order: `[count · b, …]`."""
        if self.count == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.count)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def all_gather_with_gradient(self, rows: Tensor) -> Tensor:
        """Return the rows `[b, …]` of all processes, in process order, through which gradients flow back.

        For a loss of the whole batch that every process computes from the same rows: its gradient then needs no
        exchange, and the mean of the processes' gradients is that of one process with the whole batch.
        """
        return rows if self.count == 1 else _Gather.apply(rows, self)

    def all_reduce(self, rows: Tensor) -> None:
        """Complete a tensor in which each process has written its `shard`, and zeros elsewhere."""
        if self.count > 1:
            dist.all_reduce(rows)

    def broadcast_buffers(self, network: nn.Module) -> None:
        """Replace each process's own running statistics by those of the first."""
        for buffer in network.buffers() if self.count > 1 else ():
            dist.broadcast(buffer, 0)

    def broadcast(self, value: T) -> T:
        """Return what the first process has as `value`, once it has it."""
        if self._hosts is None:
            return value
        box = [value]
        dist.broadcast_object_list(box, 0, group=self._hosts)
        return box[0]

    def agree(self, end: End | None, copy: bool) -> tuple[End | None, bool]:
        """Return the end that any process is asked for, and whether any wants a checkpoint at this step."""
        if self._hosts is None:
            return end, copy
        asked = torch.tensor([ENDS.index(end), int(copy)])
        dist.all_reduce(asked, dist.ReduceOp.MAX, group=self._hosts)
        return ENDS[int(asked[0])], bool(asked[1])


class _Gather(torch.autograd.Function):
    """The rows of all processes; each receives the gradients of its own rows, from all the equal losses."""

    @staticmethod
    def forward(context: Any, rows: Tensor, ranks: Ranks) -> Tensor:
        context.ranks = ranks
        return ranks.all_gather(rows)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        ranks: Ranks = context.ranks
        return gradients[0][ranks.shard(len(gradients[0]))] * ranks.count, None
