"""Image classification networks of torchvision, without their classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simsiam_core.config import ConfigError, ModelConfig
from simsiam_core.model.backbone import Family, finished_backbone

if TYPE_CHECKING:
    from simsiam_core.model.backbone import Backbone

PREFIX = "torchvision:"


def _names() -> tuple[str, ...]:
    from torchvision import models

    return tuple(PREFIX + name for name in models.list_models(module=models))


def _build(model: ModelConfig, image_size: int) -> Backbone:
    """Build a network whose last linear layer, the classifier, is replaced with the identity."""
    from torch import nn
    from torchvision import models

    name = model.backbone.removeprefix(PREFIX)
    if model.backbone not in _names():
        raise ConfigError.at(
            "model.backbone", f"torchvision has no network {name!r}; `simsiam backbones` lists them."
        )
    sized: dict[str, Any] = {"image_size": image_size} if name.startswith("vit_") else {}
    try:
        network = models.get_model(name, weights=None, **sized)
    except (AssertionError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or ["it does not fit"])[0].rstrip(".")
        raise ConfigError.at(
            "data.image_size", f"{model.backbone} cannot take images of {image_size} px: {reason}."
        ) from None
    last = [path for path, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
    parent, _, attribute = last.rpartition(".")
    setattr(network.get_submodule(parent), attribute, nn.Identity())
    return finished_backbone(network, model.backbone, image_size)


ENTRY = Family(
    title="torchvision",
    help="Classification networks of torchvision.",
    names=_names,
    build=_build,
)
