"""SimSiam as a LightningModule: batch, objective, optimiser, schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch.optim.lr_scheduler import LambdaLR

from simsiam_core.config import Config
from simsiam_core.data import Dataset
from simsiam_core.metrics import Measure, StepOutputs, in_order
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.metrics.train_lr import LEARNING_RATE
from simsiam_core.metrics.train_lr_predictor import PREDICTOR_LEARNING_RATE
from simsiam_core.model import Encoder, recipe
from simsiam_core.model.checkpoint import RECIPE
from simsiam_core.model.starting_weights import StartingWeights
from simsiam_core.model.sync_batch_norm import synchronise_batch_norms
from simsiam_core.runs import FIRST_STEP, Origin
from simsiam_core.runs.weights import WEIGHTS_SOURCE
from simsiam_core.training import compilation
from simsiam_core.training.batches import Batches, counter_seed
from simsiam_core.training.device import resolve_device
from simsiam_core.training.freezing import Freezing, start_momentum
from simsiam_core.training.objective import Objective
from simsiam_core.training.pace import synchronise
from simsiam_core.training.parameter_groups import PREDICTOR, parameter_groups
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.schedule import lr_factor


def measured_at_every_step() -> list[tuple[str, Measure]]:
    """Return the registry's metrics that are measured at every step, by name."""
    return [(m.name, m.measure) for m in in_order() if m.measure is not None and m.every_steps == 1]


def seed_global_generators(seed: int, step: int, rank: int, device: torch.device) -> None:
    """Seed the generators that dropout and stochastic depth draw from, as a function of seed, step and process."""
    number = counter_seed(seed, 2, step, rank)
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)


class SimSiamModule(pl.LightningModule):
    """LightningModule that trains `network`.

    Every random draw is a function of (seed, epoch, step), so a resumed run continues exactly the same curve
    with only weights, optimiser and counters in its checkpoint.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        ranks: Ranks | None = None,
        origin: Origin | None = None,  # where epoch counting starts, if not at the first step
        images: Mapping[str, Any] | None = None,  # their identity for checkpoints, see `same_images`
    ) -> None:
        super().__init__()
        self.ranks = ranks or Ranks()
        self._origin, self._anew = origin or FIRST_STEP, origin is not None
        self._images = images
        self._weights_source: Mapping[str, Any] | None = None
        self.config = config
        self.dataset = dataset
        self.objective = Objective(config, dataset.mean, dataset.std, self.ranks)
        self.network = self.objective.network()
        if self.ranks.count > 1 and config.training.sync_batch_norm:
            synchronise_batch_norms(self.network, cuda=resolve_device(config.training)[0] == "gpu")
        self.batches = Batches(
            dataset.train, config.training.batch_size, config.training.seed, self.ranks, dataset.larger
        )
        self._freezing = Freezing(self.network.backbone, config.training)
        self._metrics = measured_at_every_step()
        self.compiled: bool | None = None  # whether the steps so far were; None before the first
        self.activity: Callable[[str], object] = lambda text: None  # reports slow work before the first step

    def start_from(self, weights: StartingWeights | None, source: Mapping[str, Any] | None) -> None:
        """Copy weights into the backbone, if any, and keep their source for checkpoints."""
        self._weights_source = source
        if weights is not None:
            self.network.backbone.load_state_dict(weights.weights)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self._origin.total_steps(len(self.batches), self.config.training.epochs)

    @property
    def epochs_done(self) -> int:
        """Number of completed epochs."""
        return self._scheduled(self.global_step) // len(self.batches)

    @property
    def at_epoch_end(self) -> bool:
        """Whether the step just made was the last of its epoch."""
        return self._scheduled(self.global_step) % len(self.batches) == 0

    def _scheduled(self, step: int) -> int:
        """Return the equivalent step of a run that used the present images from the start."""
        return step - self._origin.step + self._origin.epoch * len(self.batches)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore whether the run was compiled; begin a new epoch if the images have changed."""
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
        """Return batch numbers, by which `training_step` selects images that are already on the device."""
        return range(len(self.batches))

    def on_train_start(self) -> None:
        """Apply the config over what a checkpoint restored: learning rates, weight decay and momentum.

        A checkpoint restores the optimiser's running averages and step count; the settings that it also
        restores are those of the run that wrote it, which a fork or an extension may have changed.
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
        self._freeze()
        start_momentum(optimiser)
        if self.global_step == 0:
            self.objective.start(self.network)
        self._compile()

    def optimizer_step(self, *arguments: Any, **named: Any) -> None:
        """Let the method act after the step, before anything can save its weights."""
        step = self.global_step
        super().optimizer_step(*arguments, **named)
        steps = self.config.training.epochs * len(self.batches)
        self.objective.after_step(self.network, self._scheduled(step), steps)

    def on_fit_start(self) -> None:
        """Move the images to the device, which is known only at this point."""
        self.batches.to(self.device)
        self.ranks.broadcast_buffers(self.network)  # DDP does so for parameters, and for buffers not always
        if self.ranks.first:
            print(self.batches.placement, flush=True)
        self.generator = torch.Generator(self.device)

    def on_train_batch_start(self, *_: Any) -> None:
        """Freeze or unfreeze stages of the backbone at the start of an epoch."""
        self._freeze()

    def _freeze(self) -> None:
        if self._freezing.apply(self.epochs_done):
            start_momentum(self.trainer.optimizers[0])
            if self.ranks.first:
                print(self._freezing.sentence(), flush=True)

    def _compile(self) -> None:
        """Compile for the remaining steps if that pays off; log why, and any change since the checkpoint."""
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
        """Run a forward and backward pass on black images; no gradients remain."""
        side, share = self.config.data.image_size, self.ranks.shard(self.config.training.batch_size)
        shape = (share.stop - share.start, 3, side, side)
        images = torch.zeros(shape, dtype=torch.uint8, device=self.device)
        views = self.objective.views(images, torch.Generator(self.device))
        inside: Any = getattr(self.trainer.strategy.model, "_inside_ddp_forward", nullcontext)
        with self.trainer.precision_plugin.train_step_context(), inside():
            loss = self.objective.losses(self.network, views).total
        # Unlike backward(), this leaves no gradients, and DDP does not count it as a step.
        torch.autograd.grad(
            loss, [p for p in self.network.parameters() if p.requires_grad], allow_unused=True
        )
        synchronise(self.device)  # so that errors on the device are raised here

    def training_step(self, _number: int) -> dict[str, Any]:
        """Run one step; batch-norm statistics are per view, as in every published recipe.

        Returns the `loss` to minimise, `metrics` by name, and the `outputs` from which expensive metrics are
        measured occasionally.
        """
        # By the step, not by `batch_idx`, which is no reliable position in a resumed run.
        images = self.batches.batch(*divmod(self._scheduled(self.global_step), len(self.batches)))
        self.generator.manual_seed(counter_seed(self.config.training.seed, 1, self.global_step))
        seed_global_generators(self.config.training.seed, self.global_step, self.ranks.index, self.device)
        losses = self.objective.losses(self.network, self.objective.views(images, self.generator))
        outputs = StepOutputs(
            loss=self.ranks.mean(losses.total.detach()),
            z=self.ranks.all_gather(losses.z),
            half_features=losses.half_features,
            features=losses.features,
            project=self.network.fp32_projections,
        )
        metrics = {TRAIN_LOSS: outputs.loss}
        metrics |= {name: self.ranks.mean(value) for name, value in losses.metrics.items()}
        for name, measure in self._metrics:
            if (value := measure(outputs)) is not None:
                metrics[name] = value
        return {"loss": losses.total, "metrics": metrics, "outputs": outputs}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Build SGD or AdamW; each parameter group follows its share of `lr_factor` step by step."""
        optimiser_config = self.config.optimiser
        groups, shares = parameter_groups(self.network, optimiser_config)
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

        def factor(group: dict[str, Any], share: float) -> Any:
            decayed = not (constant and group["name"].startswith(PREDICTOR))
            return lambda step: share * lr_factor(self._scheduled(step), **steps, decayed=decayed)

        self._settings = [
            {name: value for name, value in group.items() if name != "params"}
            for group in optimiser.param_groups
        ]
        factors = [factor(group, share) for group, share in zip(groups, shares, strict=True)]
        schedule = LambdaLR(optimiser, factors)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def learning_rates(self) -> dict[str, float]:
        """Return the learning rates of the next step, as metrics; with layer-wise decay, the heads'."""
        rates = {group["name"]: group["lr"] for group in self.trainer.optimizers[0].param_groups}
        metrics = {LEARNING_RATE: rates["encoder"]}
        if "predictor" in rates:
            metrics[PREDICTOR_LEARNING_RATE] = rates["predictor"]
        return metrics

    def encoder(self) -> Encoder:
        """Return an encoder with the current backbone."""
        train, step = self.dataset.train, self.global_step
        mean, std = self.dataset.mean, self.dataset.std
        return Encoder(self.network.backbone, self.config, mean, std, train.classes, self.epochs_done, step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the recipe that rebuilds the network to a checkpoint."""
        checkpoint[RECIPE] = recipe(
            self.config,
            self.dataset.mean,
            self.dataset.std,
            self.dataset.train.classes,
            self.epochs_done,
            self._images,
        )
        checkpoint[RECIPE]["compiled"] = self.compiled
        if self._weights_source:
            checkpoint[RECIPE][WEIGHTS_SOURCE] = dict(self._weights_source)
            if licence := self._weights_source.get("licence"):
                checkpoint[RECIPE]["licence"] = licence
