"""What the second and every further process of a job runs: the same training, on its share of each batch."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytorch_lightning as pl
import torch

from simsiam_core.data import load
from simsiam_core.runs import RunDirectory
from simsiam_core.training.allocator import kept_memory
from simsiam_core.training.callbacks import KnnCallback, StopCallback
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.resume import newest
from simsiam_core.training.trainer import build_trainer
from simsiam_core.training.wishes import Wish


def follow(run: RunDirectory, ranks: Ranks) -> None:
    """Train along from where the first process starts, until it ends; write nothing."""
    config = run.config()
    dataset = load(config.data)
    pl.seed_everything(config.training.seed, verbose=False)
    module = SimSiamModule(config, dataset, ranks, run.origin())
    evaluation = Evaluation(config, dataset, ranks)
    callbacks: list[pl.Callback] = [KnnCallback(evaluation)] if evaluation.possible else []
    trainer = build_trainer(config, [*callbacks, StopCallback(Wish(), ranks)], ranks)
    found = newest(run)
    with kept_memory():
        trainer.fit(module, ckpt_path=found.path if found else None, weights_only=True)


def _end_with_the_first() -> None:
    """The first process holds the other end of this pipe, however it ends."""
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written: it returns when the other end is closed
    os._exit(1)


def main() -> None:
    """With the words of the command line: run directory, which of how many, where they meet, and on what."""
    run, index, count, place, kind = sys.argv[1:]
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    ranks = Ranks(int(index), int(count))
    ranks.meet(Path(place), torch.device("cuda", ranks.index) if kind == "cuda" else torch.device("cpu"))
    try:
        follow(RunDirectory(Path(run)), ranks)
    except Exception:
        print(f"Process {ranks.index + 1} of {ranks.count}:", file=sys.stderr)
        raise
    ranks.leave()
