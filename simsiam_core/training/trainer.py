"""Lightning's trainer as configured here: it only trains, and everything else is in our callbacks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.strategies import DDPStrategy

from simsiam_core.config import Config
from simsiam_core.jobs.ranks import rank
from simsiam_core.training.device import resolve_device
from simsiam_core.training.ranks import Ranks, cluster_environment
from simsiam_core.training.resume import WholeCheckpointIO


def build_trainer(
    config: Config, callbacks: Sequence[pl.Callback], ranks: Ranks | None = None, epochs: int | None = None
) -> pl.Trainer:
    """Build the trainer for the config's device, precision and epochs, for one rank. Raises ConfigError."""
    ranks = ranks or Ranks()
    accelerator, precision = resolve_device(config.training)
    warnings.filterwarnings("ignore", module="pytorch_lightning")  # about loaders and loggers not used here
    warnings.filterwarnings("ignore", "The `srun` command is available")  # a login node may train, too
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    devices = rank().local_count if ranks.count > 1 else 1
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=devices,
        num_nodes=ranks.count // devices,
        strategy=_data_parallel(config) if ranks.count > 1 else "auto",
        precision=precision,
        max_epochs=epochs or config.training.epochs,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        benchmark=True,
        plugins=[WholeCheckpointIO(), cluster_environment()],
    )
    # StopRequest handles signals. Lightning's SIGTERM handler raises SystemExit in the middle of a step; with
    # several processes, Lightning also exchanges at every step whether one was received, and waits for the GPU.
    connector: Any = trainer._signal_connector
    connector.register_signal_handlers = lambda: None
    loop: Any = trainer.fit_loop.epoch_loop
    loop._broadcast_sigterm_tensor = lambda: None
    return trainer


def _data_parallel(config: Config) -> DDPStrategy:
    warnings.filterwarnings(
        "ignore", "Grad strides do not match"
    )  # of 1 × 1 convolutions, in channels-last order
    return DDPStrategy(
        gradient_as_bucket_view=True,
        broadcast_buffers=not config.training.sync_batch_norm,  # else they are already equal
        find_unused_parameters=config.training.frozen_stages > 0,  # those get no gradient
    )
