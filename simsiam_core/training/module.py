"""SimSiam as a LightningModule: batch, objective, optimiser, schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from simsiam_core.config import Config
from simsiam_core.data import Dataset
from simsiam_core.metrics import Measure, StepOutputs, in_order
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.metrics.train_lr import LEARNING_RATE
from simsiam_core.metrics.train_lr_predictor import PREDICTOR_LEARNING_RATE
from simsiam_core.model import Encoder, recipe
from simsiam_core.model.checkpoint import RECIPE
from simsiam_core.model.sync_batch_norm import synchronise_batch_norms
from simsiam_core.runs import FIRST_STEP, Origin
from simsiam_core.training import compilation
from simsiam_core.training.batches import Batches, counter_seed
from simsiam_core.training.device import resolve_device
from simsiam_core.training.objective import Objective
from simsiam_core.training.pace import synchronise
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.schedule import lr_factor

Parameters = list[nn.Parameter]


def measured_at_every_step() -> list[tuple[str, Measure]]:
    """Return the metrics of the registry that every step measures, by name."""
    return [(m.name, m.measure) for m in in_order() if m.measure is not None and m.every_steps == 1]


class SimSiamModule(pl.LightningModule):
    """Trains `network`. Every random draw is a function of (seed, epoch, step), so that a resumed run
    continues the very same curve with nothing but weights, optimiser and counters in its checkpoint.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        ranks: Ranks | None = None,
        origin: Origin | None = None,  # where epochs are counted from, if not from the first step
        images: Mapping[str, Any] | None = None,  # what a checkpoint says of them, see `same_images`
    ) -> None:
        super().__init__()
        self.ranks = ranks or Ranks()
        self._origin, self._anew = origin or FIRST_STEP, origin is not None
        self._images = images
        self.config = config
        self.dataset = dataset
        self.objective = Objective(config, dataset.mean, dataset.std, self.ranks)
        self.network = self.objective.network()
        if self.ranks.count > 1 and config.training.sync_batch_norm:
            synchronise_batch_norms(self.network, cuda=resolve_device(config.training)[0] == "gpu")
        self.batches = Batches(dataset.train, config.training.batch_size, config.training.seed, self.ranks)
        self._metrics = measured_at_every_step()
        self.compiled: bool | None = None  # whether the steps made so far were; None while none was made
        self.activity: Callable[[str], object] = lambda text: (
            None
        )  # called with what takes long before the first

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self._origin.total_steps(len(self.batches), self.config.training.epochs)

    @property
    def epochs_done(self) -> int:
        """Complete epochs trained."""
        return self._scheduled(self.global_step) // len(self.batches)

    @property
    def at_epoch_end(self) -> bool:
        """Whether the step just made was the last of its epoch."""
        return self._scheduled(self.global_step) % len(self.batches) == 0

    def _scheduled(self, step: int) -> int:
        """Return the step at which a run would be that had only such epochs as the present images make."""
        return step - self._origin.step + self._origin.epoch * len(self.batches)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note what a resumed run may have to say; begin a new epoch where the images are others than before."""
        self.compiled = checkpoint[RECIPE].get("compiled")
        if not self._anew or checkpoint["global_step"] != self._origin.step:
            return
        loop = checkpoint["loops"]["fit_loop"]
        for counts in loop["epoch_progress"].values():
            counts.update(dict.fromkeys(counts, self._origin.epoch))
        batches = loop["epoch_loop.batch_progress"]
        batches["total"] = dict.fromkeys(batches["total"], self._origin.step)
        batches["current"] = dict.fromkeys(batches["current"], 0)
        batches["is_last_batch"] = False

    def train_dataloader(self) -> range:
        """Return batch numbers: the images are on the device already, and `training_step` picks them by number."""
        return range(len(self.batches))

    def on_train_start(self) -> None:
        """Apply the config over what a checkpoint restored: rates, decay and momentum.

        A checkpoint brings the optimiser's running averages and the count of steps; the settings that it also
        brings are those of the run that wrote it, which a fork or an extension may have changed.
        """
        (optimiser,) = self.trainer.optimizers
        schedule: Any = self.trainer.lr_scheduler_configs[0].scheduler
        schedule.last_epoch = self.global_step
        schedule.base_lrs = [self.config.lr] * len(optimiser.param_groups)
        for group, settings, factor in zip(
            optimiser.param_groups, self._settings, schedule.lr_lambdas, strict=True
        ):
            group.update(settings, lr=self.config.lr * factor(self.global_step))
        schedule._last_lr = [group["lr"] for group in optimiser.param_groups]
        self._compile()

    def on_fit_start(self) -> None:
        """Bring images to the device; it is known only here."""
        self.batches.to(self.device)
        if self.ranks.first:
            print(self.batches.placement, flush=True)
        self.generator = torch.Generator(self.device)

    def _compile(self) -> None:
        """Compile for the steps to come, if that pays, and say so; also where it is new to a resumed run."""
        self.activity("Preparing the network")
        before, steps = self.compiled, self.total_steps - self.global_step
        self.compiled, why = compilation.prepare(
            self.network, self.config.training, self.device, steps, self._trial
        )
        everywhere = self.ranks.mean(torch.tensor(float(self.compiled), device=self.device))
        if self.compiled and float(everywhere) < 1:
            compilation.uncompile(self.network)
            self.compiled, why = False, compilation.NOT_EVERYWHERE
        if self.ranks.first:
            switch = compilation.switch_sentence(before, self.compiled)
            print(why, *filter(None, [switch]), sep="\n", flush=True)

    def _trial(self) -> None:
        """Make a step on black images, forward and backward, of which nothing stays."""
        side, share = self.config.data.image_size, self.ranks.shard(self.config.training.batch_size)
        shape = (share.stop - share.start, 3, side, side)
        images = torch.zeros(shape, dtype=torch.uint8, device=self.device)
        views = self.objective.views(images, torch.Generator(self.device))
        inside: Any = getattr(self.trainer.strategy.model, "_inside_ddp_forward", nullcontext)
        with self.trainer.precision_plugin.train_step_context(), inside():
            loss = self.objective.losses(self.network, views).total
        # Unlike backward(), this leaves no gradients, and DDP does not take it for a step.
        torch.autograd.grad(
            loss, [p for p in self.network.parameters() if p.requires_grad], allow_unused=True
        )
        synchronise(self.device)  # what fails on the device shall fail here

    def training_step(self, _number: int) -> dict[str, Any]:
        """Make one step; batch-norm statistics are per view, as in every published recipe.

        Returns the `loss` to minimise, `metrics` by name, and the `outputs` from which costly ones are measured now
        and then.
        """
        # Not by `batch_idx`: the step alone says where a resumed run is.
        images = self.batches.batch(*divmod(self._scheduled(self.global_step), len(self.batches)))
        self.generator.manual_seed(counter_seed(self.config.training.seed, 1, self.global_step))
        losses = self.objective.losses(self.network, self.objective.views(images, self.generator))
        outputs = StepOutputs(
            loss=self.ranks.mean(losses.total.detach()),
            z=self.ranks.all_gather(losses.z),
            half_features=losses.half_features,
            project=self.network.fp32_projections,
        )
        metrics = {TRAIN_LOSS: outputs.loss}
        metrics |= {name: self.ranks.mean(value) for name, value in losses.metrics.items()}
        for name, measure in self._metrics:
            if (value := measure(outputs)) is not None:
                metrics[name] = value
        return {"loss": losses.total, "metrics": metrics, "outputs": outputs}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Make SGD or AdamW; each group follows `lr_factor` step by step."""
        optimiser_config = self.config.optimiser
        groups = self._parameter_groups()
        optimiser: torch.optim.Optimizer
        if optimiser_config.algorithm == "sgd":
            momentum = optimiser_config.momentum
            optimiser = torch.optim.SGD(groups, lr=self.config.lr, momentum=momentum, fused=True)
        else:
            optimiser = torch.optim.AdamW(groups, lr=self.config.lr, fused=True)
        steps = {
            "warmup_steps": optimiser_config.warmup_epochs * len(self.batches),
            "total_steps": self.config.training.epochs * len(self.batches),
            "restart_step": optimiser_config.restart_epoch * len(self.batches),
        }
        constant = optimiser_config.predictor_lr == "constant"

        def factor(predictor: bool) -> Any:
            decayed = not (predictor and constant)
            return lambda step: lr_factor(self._scheduled(step), **steps, decayed=decayed)

        self._settings = [
            {name: value for name, value in group.items() if name != "params"}
            for group in optimiser.param_groups
        ]
        schedule = LambdaLR(optimiser, [factor(group["name"].startswith("predictor")) for group in groups])
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _parameter_groups(self) -> list[dict[str, Any]]:
        """Part encoder and predictor, for their learning rates, and norms and biases, for weight decay."""
        decay = self.config.optimiser.weight_decay
        plain = decay if self.config.optimiser.decay_norm_and_bias else 0.0
        named = [(name, p) for name, p in self.network.named_parameters() if p.requires_grad]
        groups = []
        for prefix, of_predictor in (("encoder", False), ("predictor", True)):
            mine = [p for name, p in named if name.startswith("predictor.") is of_predictor]
            matrices: Parameters = [p for p in mine if p.ndim > 1]
            vectors: Parameters = [p for p in mine if p.ndim <= 1]
            groups.append({"name": prefix, "params": matrices, "weight_decay": decay})
            groups.append({"name": f"{prefix}, norms and biases", "params": vectors, "weight_decay": plain})
        return [group for group in groups if group["params"]]

    def learning_rates(self) -> dict[str, float]:
        """Return the learning rates of the step to come, as metrics."""
        rates = {group["name"]: group["lr"] for group in self.trainer.optimizers[0].param_groups}
        metrics = {LEARNING_RATE: rates["encoder"]}
        if "predictor" in rates:
            metrics[PREDICTOR_LEARNING_RATE] = rates["predictor"]
        return metrics

    def encoder(self) -> Encoder:
        """Return the backbone as it is now, ready to encode."""
        train, step = self.dataset.train, self.global_step
        mean, std = self.dataset.mean, self.dataset.std
        return Encoder(self.network.backbone, self.config, mean, std, train.classes, self.epochs_done, step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what rebuilds the network to a checkpoint."""
        checkpoint[RECIPE] = recipe(
            self.config,
            self.dataset.mean,
            self.dataset.std,
            self.dataset.train.classes,
            self.epochs_done,
            self._images,
        )
        checkpoint[RECIPE]["compiled"] = self.compiled
