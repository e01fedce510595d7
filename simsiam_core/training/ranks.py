"""One process per device: the first starts the others, synchronises with them, and monitors them.

The first process is the job: only it handles signals and writes the run. The others train on their share of
every batch and print nothing but errors.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

from simsiam_core.data import Dataset
from simsiam_core.runs import RunDirectory

PATIENCE = timedelta(minutes=30)  # timeout of the others while one process measures or writes
NOTICE_SECONDS = 10.0  # within which a process that waits for a dead one usually fails
GONE_SECONDS = 1.0  # between the loss of a process's connections, which raises here, and its exit
END_SECONDS = 20.0  # for the others to exit by themselves after training
# Code of the other processes: garbage collection is configured before the imports that it is meant for.
FOLLOW = (
    "from simsiam_core import garbage_collection; garbage_collection.reduce_gc_overhead(); "
    "from simsiam_core.training.follow import main; main()"
)
End = Literal["stopped", "paused"] | None  # the state in which the run should end
_ENDS: tuple[End, ...] = (None, "stopped", "paused")


class Ranks:
    """Index of this process among `count`; by default the only one, for which every method returns at once."""

    def __init__(self, index: int = 0, count: int = 1) -> None:
        self.index, self.count = index, count
        self._hosts: Any = None  # gloo group for messages between processes that bypass their GPUs

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.index == 0

    def init_process_group(self, place: Path, device: torch.device) -> None:
        """Wait for the other processes at a rendezvous file that all of them know."""
        if sys.platform == "linux":
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all processes are on this machine
        cuda = device.type == "cuda"
        if cuda:
            torch.cuda.set_device(device)
        dist.init_process_group(
            "nccl" if cuda else "gloo",
            init_method=place.as_uri(),
            rank=self.index,
            world_size=self.count,
            timeout=PATIENCE,
            device_id=device if cuda else None,
        )
        self._hosts = dist.new_group(backend="gloo", timeout=PATIENCE)

    def destroy_process_group(self) -> None:
        """Disconnect from the other processes."""
        self._hosts = None
        if dist.is_initialized():
            dist.destroy_process_group()

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

    def broadcast_normalisation(self, dataset: Dataset) -> Dataset:
        """Return the data set with the mean and std of the first process, which may be those of weights."""
        if self._hosts is None:
            return dataset
        both = torch.tensor([dataset.mean, dataset.std], dtype=torch.float64)
        dist.broadcast(both, 0, group=self._hosts)
        mean, std = ((red, green, blue) for red, green, blue in both.tolist())
        return replace(dataset, mean=mean, std=std)

    def broadcast_request(self, end: End) -> End:
        """Return the stop request of the first process, so that all act on it after the same step."""
        if self._hosts is None:
            return end
        asked = torch.tensor(_ENDS.index(end))
        dist.broadcast(asked, 0, group=self._hosts)
        return _ENDS[int(asked)]


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


@contextmanager
def process_group(
    run: RunDirectory, count: int, cuda: bool, on_failure: Callable[[str], None]
) -> Iterator[Ranks]:
    """Start the other processes on `run` from the first, and connect them.

    If one of the others is lost, waiting for it usually raises; if the wait hangs, `on_failure` gets the
    sentence for the user and this process exits too. Raises RuntimeError with that sentence.
    """
    if count == 1:
        yield Ranks()
        return
    with tempfile.TemporaryDirectory(prefix="simsiam-") as folder:
        place = Path(folder) / "meeting"
        others = [_start_process(run, index, count, place, cuda) for index in range(1, count)]
        monitor = _ProcessMonitor(others, on_failure)
        ranks = Ranks(0, count)
        threads = torch.get_num_threads()
        try:
            if not cuda:
                torch.set_num_threads(max(1, threads // count))
            ranks.init_process_group(place, torch.device("cuda", 0) if cuda else torch.device("cpu"))
            yield ranks
            monitor.over.set()
        except Exception as problem:
            if not monitor.over.is_set() and (lost := monitor.lost(GONE_SECONDS)):
                raise RuntimeError(lost) from problem
            raise
        finally:
            done = monitor.over.is_set()
            monitor.over.set()
            ranks.destroy_process_group()
            torch.set_num_threads(threads)
            _end_processes(others, END_SECONDS if done else 0)


def _start_process(
    run: RunDirectory, index: int, count: int, place: Path, cuda: bool
) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    if not cuda:
        environment["OMP_NUM_THREADS"] = str(max(1, torch.get_num_threads() // count))
    words = [str(run.path), str(index), str(count), str(place), "cuda" if cuda else "cpu"]
    with run.log_path.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", FOLLOW, *words],
            stdin=subprocess.PIPE,  # held open, never written to: end of file says that this process has ended
            stdout=subprocess.DEVNULL,  # may be reserved for a JSON object
            stderr=log,
            env=environment,
            process_group=0,  # signals for the job reach only the first process
        )


def _end_processes(others: list[subprocess.Popen[bytes]], patience: float) -> None:
    for other in others:
        with contextlib.suppress(subprocess.TimeoutExpired):
            other.wait(patience)
        other.kill()
        other.wait()
        if other.stdin:
            other.stdin.close()


class _ProcessMonitor(threading.Thread):
    """Thread that detects when one of the other processes ends early."""

    def __init__(self, others: list[subprocess.Popen[bytes]], on_failure: Callable[[str], None]) -> None:
        super().__init__(name="process monitor", daemon=True)
        self.over, self.sentence = threading.Event(), ""
        self._others, self._on_failure = others, on_failure
        self.start()

    def run(self) -> None:
        """Poll twice a second until training is over."""
        while not self.over.wait(0.5):
            self.sentence = self.sentence or self.lost()
            if self.sentence:
                if not self.over.wait(NOTICE_SECONDS):
                    self._on_failure(self.sentence)
                    _end_processes(self._others, 0)
                    os._exit(1)
                return

    def lost(self, patience: float = 0.0) -> str:
        """Say which process has ended, or ends within `patience` seconds, as a sentence; empty if none."""
        deadline = time.monotonic() + patience
        while True:
            for index, other in enumerate(self._others, start=2):
                if other.poll() is not None:
                    return (
                        f"Process {index} of {len(self._others) + 1} ended with exit code {other.returncode} "
                        "while the others needed it; the log says why."
                    )
            if time.monotonic() >= deadline:
                return self.sentence
            time.sleep(0.02)
