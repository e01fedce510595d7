"""Training in the test's own process, with what each step was."""

from __future__ import annotations

import pytorch_lightning as pl

from simsiam_core.config import Config
from simsiam_core.data import load
from simsiam_core.metrics.representation_std import REPRESENTATION_STD
from simsiam_core.training.module import SimSiamModule


class Record(pl.Callback):
    """Losses, and the learning rates that each step really used."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.spreads: list[float] = []
        self.rates: list[dict[str, float]] = []

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer) -> None:
        self.rates.append({group["name"]: group["lr"] for group in optimizer.param_groups})

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.losses.append(outputs["loss"].item())
        self.spreads.append(outputs["metrics"][REPRESENTATION_STD].item())


def trained(config: Config, steps: int = -1) -> tuple[SimSiamModule, Record]:
    pl.seed_everything(config.training.seed, verbose=False)
    module, record = SimSiamModule(config, load(config.data)), Record()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=config.training.epochs,
        max_steps=steps,
        callbacks=[record],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    trainer.fit(module)
    return module, record
