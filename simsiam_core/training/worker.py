"""What a job runs: parse, load, build, train, and a last word in every case."""

from __future__ import annotations

import logging
import sys
import time
import traceback
import warnings

import pytorch_lightning as pl
import torch

from simsiam_core.config import ConfigError
from simsiam_core.data import check_fit, load
from simsiam_core.runs import MetricsWriter, RunDirectory
from simsiam_core.training.callbacks import (
    CheckpointCallback,
    KnnCallback,
    MetricsCallback,
    StopCallback,
    TrainingFailure,
)
from simsiam_core.training.device import resolve_device
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.memory import kept_memory
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.status import StatusWriter


def train(run: RunDirectory, extra_callbacks: tuple[pl.Callback, ...] = ()) -> int:
    """Train a run from its directory and return the exit code: 0 finished or stopped, 1 failed, 2 bad input.

    Whatever happens, the status ends in a final state with a sentence; only a killed process leaves none.
    """
    status = StatusWriter(run)
    try:
        state, error, code = _fit(run, status, extra_callbacks), None, 0
    except ConfigError as problem:
        state, error, code = "failed", str(problem), 2
    except TrainingFailure as problem:
        state, error, code = "failed", str(problem), 1
    except torch.OutOfMemoryError:
        state, code = "failed", 1
        error = "The GPU ran out of memory; choose a smaller batch size or a narrower network."
    except KeyboardInterrupt:
        state, error, code = "stopped", None, 0
    except Exception as problem:
        traceback.print_exc()
        state, error, code = "failed", f"{type(problem).__name__}: {problem}", 1
    status.beat(force=True, state=state, error=error, exit_code=code, ended=time.time(), activity="")
    if error:
        print(error, file=sys.stderr, flush=True)
    return code


def _fit(run: RunDirectory, status: StatusWriter, extra_callbacks: tuple[pl.Callback, ...]) -> str:
    config = run.config()
    accelerator, precision = resolve_device(config.training)
    dataset = load(config.data, status.progress)
    for name in dataset.skipped:
        print(f"Skipped an unreadable picture: {name}")
    check_fit(config, len(dataset.train))
    pl.seed_everything(config.training.seed, verbose=False)
    module = SimSiamModule(config, dataset)
    device = (
        torch.cuda.get_device_name() if accelerator == "gpu" else f"CPU, {torch.get_num_threads()} threads"
    )
    status.beat(force=True, total_steps=module.total_steps, device=device, activity="Starting")
    print(f"{len(dataset.train)} images, {module.total_steps} steps on {device}, precision {precision}")
    writer = MetricsWriter(run.metrics_path)
    checkpoints = CheckpointCallback(
        run, every=config.checkpoints.checkpoint_every, kept=config.checkpoints.checkpoints_kept
    )
    stop = StopCallback(checkpoints)
    evaluation = Evaluation(config, dataset)
    callbacks: list[pl.Callback] = [MetricsCallback(writer, status), *extra_callbacks]
    if evaluation.possible:
        callbacks.append(KnnCallback(evaluation, writer, status))
    callbacks += [checkpoints, stop]
    quiet_lightning()
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=1,
        precision=precision,
        max_epochs=config.training.epochs,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        benchmark=True,
    )
    try:
        with kept_memory():
            trainer.fit(module)
    finally:
        writer.close()
    return "stopped" if stop.requested and trainer.global_step < module.total_steps else "finished"


def quiet_lightning() -> None:
    """Lightning's hints are about loaders and loggers that this program does not use."""
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
