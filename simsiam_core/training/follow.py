"""Entry point of a job's second and further processes: the same training, on their share of each batch."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytorch_lightning as pl
import torch

from simsiam_core.data import load
from simsiam_core.data.larger import with_larger
from simsiam_core.jobs.stop_request import SIGNALS, StopRequest
from simsiam_core.runs import RunDirectory
from simsiam_core.training.allocator import keep_freed_memory
from simsiam_core.training.callbacks import KnnCallback, StopCallback, measured_steps
from simsiam_core.training.callbacks.probe import probe_callback
from simsiam_core.training.device import matmul_precision, resolve_device
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.resume import newest
from simsiam_core.training.trainer import build_trainer


def follow(run: RunDirectory, ranks: Ranks) -> None:
    """Train from where the first process starts until it ends; write nothing."""
    config = run.config()
    dataset = with_larger(config, load(config.data))
    pl.seed_everything(config.training.seed, verbose=False)
    module = SimSiamModule(config, ranks.broadcast_normalisation(dataset), ranks, run.origin())
    evaluation = Evaluation(config, dataset, ranks)
    callbacks: list[pl.Callback] = [*probe_callback(config, evaluation, dataset, ranks)]
    if evaluation.possible:
        callbacks.append(KnnCallback(evaluation, measured=measured_steps(run.metrics())))
    request = StopRequest()  # never set here: the first process broadcasts its own
    trainer = build_trainer(config, [*callbacks, StopCallback(request, ranks)], ranks)
    found = newest(run)
    accelerator, precision = resolve_device(config.training)
    with keep_freed_memory(), matmul_precision(precision, accelerator):
        trainer.fit(module, ckpt_path=found.path if found else None, weights_only=True)


def _exit_with_first_process() -> None:
    """Exit when the first process has ended, which closes the other end of this pipe."""
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written: it returns at end of file
    os._exit(1)


def main() -> None:
    """Parse the command line (run directory, index, count, rendezvous file, device) and train."""
    for number in SIGNALS:  # a batch system may signal every process; only the first one acts
        signal.signal(number, signal.SIG_IGN)
    run, index, count, place, kind = sys.argv[1:]
    threading.Thread(target=_exit_with_first_process, daemon=True).start()
    ranks = Ranks(int(index), int(count))
    ranks.init_process_group(
        Path(place), torch.device("cuda", ranks.index) if kind == "cuda" else torch.device("cpu")
    )
    try:
        follow(RunDirectory(Path(run)), ranks)
    except Exception:
        print(f"Process {ranks.index + 1} of {ranks.count}:", file=sys.stderr)
        raise
    ranks.destroy_process_group()
