"""Short training runs for the parts: the real module and trainer at a small size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from simsiam_core.bench.accept.rows import Place
from simsiam_core.bench.train_to_end import quiet
from simsiam_core.config import Config, merge, parse, presets
from simsiam_core.config.sections.objective import ROTATING_METHOD, SIMSIAM
from simsiam_core.data import Dataset, load
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.training.callbacks import KnnCallback
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.methods import METHODS, listed
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.step import Views
from simsiam_core.training.trainer import build_trainer

STEPS = 12
ROTATING = {"objective": {"method": "e_simsiam", "rotation_weight": 0.4, "rotation_crop": 16}}
OTHERS = {
    method.title: {"objective": {"method": name}} for name, method in listed().items() if name not in SIMSIAM
}
_SIZES: dict[bool, dict[str, Any]] = {  # by whether there is a GPU; three epochs of four steps
    False: {
        "data": {"source": "textures", "image_size": 16, "train_limit": 80, "test_limit": 20},
        "model": {"backbone": "resnet10", "width": 8, "projector_dim": 16, "predictor_hidden": 8},
        "training": {"batch_size": 20, "epochs": 3},
        "knn": {"k": 5},
    },
    True: {
        "data": {"source": "textures", "image_size": 32, "train_limit": 512, "test_limit": 200},
        "model": {"backbone": "resnet10", "width": 32, "projector_dim": 256, "predictor_hidden": 64},
        "training": {"batch_size": 128, "epochs": 3},
        "knn": {"k": 20},
    },
}
# A learning rate so low that rounding errors do not grow: the arithmetic is compared, not the path.
_SLOWLY = {"optimiser": {"base_lr": 0.02, "warmup_epochs": 0}}


def small(place: Place, *changes: dict[str, Any], method: dict[str, Any] | None = None) -> Config:
    """Return a small config for this device: `method` reduced in size, with `changes` applied."""
    base = {"model": {"stem": "stride2"}}
    values = merge(base, method or {}, _SIZES[place.gpu], _SLOWLY, {"training": place.training()})
    if values.get("objective", {}).get("method") == ROTATING_METHOD:
        values = merge(values, {"objective": {"rotation_crop": values["data"]["image_size"] // 2}})
    return parse(merge(values, *changes))


def methods(by_graph: bool = False) -> dict[str, dict[str, Any]]:
    """Return every preset and the ablations; presets that differ only in size or learning rate are merged.

    With `by_graph` also those that differ only outside the network, since its graph is the same.
    """
    kept = ("augmentation", "model", "objective")
    sizes = {"width", "projector_dim", "predictor_hidden", "backbone"}
    found: dict[str, tuple[list[str], dict[str, Any]]] = {}
    most_views_first = sorted(presets().items(), key=lambda item: -_views(item[1].values))
    for name, known in most_views_first if by_graph else presets().items():
        values = {section: dict(known.values.get(section, {})) for section in kept}
        values["model"] = {key: value for key, value in values["model"].items() if key not in sizes}
        values["augmentation"].pop("crop_scale_min", None)  # crop positions do not affect the network
        same = {"objective": {"views": 2}} if by_graph else {}
        config = parse(merge(values, same))
        shape = config.model_dump_json(exclude={"objective"} if by_graph else None)
        if by_graph:
            shape += str(METHODS.get(config.objective.method).network)
        found.setdefault(shape, ([], values))[0].append(name)
    named = {", ".join(names): values for names, values in found.values()}
    named["without predictor"] = {"model": {"predictor": False}}
    if not by_graph:
        named["without stop-gradient"] = {"model": {"stop_gradient": False}}
        named["3 views and rotation"] = merge(ROTATING, {"objective": {"views": 3}})
    return named


def _views(values: dict[str, Any]) -> int:
    return int(values.get("objective", {}).get("views", 2))


@dataclass
class Fitted:
    """A trained module, and the loss of each step."""

    module: SimSiamModule
    losses: list[float]


def fit(
    config: Config,
    steps: int = STEPS,
    *,
    callbacks: Sequence[pl.Callback] = (),
    knn: bool = False,
    views_of_the_cpu: bool = False,
    dataset: Dataset | None = None,
) -> Fitted:
    """Train `steps` steps, with the kNN checks of a run if `knn`.

    With `views_of_the_cpu` the views are made on the CPU, since a GPU's random numbers differ.
    """
    dataset = dataset or load(config.data)
    pl.seed_everything(config.training.seed, verbose=False)
    module, record = SimSiamModule(config, dataset), _Record(steps)
    if views_of_the_cpu:
        _make_views_on_cpu(module)
    checks = [KnnCallback(Evaluation(config, dataset))] if knn else []
    with quiet():
        build_trainer(config, [*callbacks, record, *checks]).fit(module)
    return Fitted(module, torch.stack(record.losses).tolist())


def furthest(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the largest difference between two curves; infinite if empty or of different lengths."""
    if len(ours) != len(theirs) or not ours:
        return float("inf")
    return float((torch.tensor(ours).double() - torch.tensor(theirs).double()).abs().max())


class _Record(pl.Callback):
    def __init__(self, steps: int) -> None:
        self.losses: list[Tensor] = []
        self._steps = steps

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, *_: Any) -> None:
        self.losses.append(outputs["metrics"][TRAIN_LOSS].detach().float())  # on the device, without a sync
        trainer.should_stop = trainer.should_stop or len(self.losses) >= self._steps


def _make_views_on_cpu(module: SimSiamModule) -> None:
    make, generator = module.objective.views, torch.Generator()

    def views(images: Tensor, on_device: torch.Generator) -> Views:
        generator.manual_seed(on_device.initial_seed())
        made = make(images.cpu(), generator)
        crops = None if made.crops is None else made.crops.to(images.device)
        return Views(tuple(view.to(images.device) for view in made.views), crops)

    object.__setattr__(module.objective, "views", views)
