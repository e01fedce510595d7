"""Lightning's trainer as configured here: it only trains, and everything else is in our callbacks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy

from simsiam_core.config import Config
from simsiam_core.training.device import resolve_device
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.resume import WholeCheckpointIO


def build_trainer(
    config: Config, callbacks: Sequence[pl.Callback], ranks: Ranks | None = None, epochs: int | None = None
) -> pl.Trainer:
    """Build the trainer for the config's device, precision and epochs, for one rank. Raises ConfigError."""
    ranks = ranks or Ranks()
    accelerator, precision = resolve_device(config.training)
    warnings.filterwarnings("ignore", module="pytorch_lightning")  # about loaders and loggers not used here
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    strategy = _ConnectedDDPStrategy(config, ranks) if ranks.count > 1 else "auto"
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=ranks.count,
        strategy=strategy,
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
        plugins=[WholeCheckpointIO()],
    )
    # StopRequest handles signals. Lightning's SIGTERM handler raises SystemExit in the middle of a step; with
    # several processes, Lightning also exchanges at every step whether one was received, and waits for the GPU.
    connector: Any = trainer._signal_connector
    connector.register_signal_handlers = lambda: None
    loop: Any = trainer.fit_loop.epoch_loop
    loop._broadcast_sigterm_tensor = lambda: None
    return trainer


class _ConnectedDDPStrategy(DDPStrategy):
    """DDP over a process group that is already initialised."""

    def __init__(self, config: Config, ranks: Ranks) -> None:
        super().__init__(
            cluster_environment=_StartedProcesses(ranks),
            gradient_as_bucket_view=True,
            broadcast_buffers=not config.training.sync_batch_norm,  # else they are already equal
            find_unused_parameters=config.training.frozen_stages > 0,  # those get no gradient
        )

    def barrier(self, name: str | None = None, *args: Any, **kwargs: Any) -> None:
        """Skip the barrier of checkpoints: only the first process writes them, and the others do not wait."""
        if name != "Trainer.save_checkpoint":
            super().barrier(name, *args, **kwargs)


class _StartedProcesses(LightningEnvironment):
    """Cluster environment whose processes are already running, so that Lightning starts none."""

    def __init__(self, ranks: Ranks) -> None:
        super().__init__()
        self._ranks = ranks

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def local_rank(self) -> int:
        return self._ranks.index

    def node_rank(self) -> int:
        return 0
