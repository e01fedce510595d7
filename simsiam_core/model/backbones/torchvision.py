"""Image classification networks of torchvision, without their classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simsiam_core.config import ConfigError, ModelConfig
from simsiam_core.model.backbone import Family, SizeError, finished_backbone, first_line, unknown_network

if TYPE_CHECKING:
    from torch import nn

    from simsiam_core.model.backbone import Backbone

PREFIX = "torchvision:"
# Classifiers of intermediate layers, which training would have to weigh, are left out.
AUXILIARY: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}


def _names() -> tuple[str, ...]:
    from torchvision import models

    return tuple(PREFIX + name for name in models.list_models(module=models))


def _build(model: ModelConfig, image_size: int) -> Backbone:
    """Build a network with random weights, without its classifier."""
    from torchvision import models

    name = model.backbone.removeprefix(PREFIX)
    if model.backbone not in _names():
        raise ConfigError.at("model.backbone", unknown_network(model.backbone, _names()))
    chosen: dict[str, Any] = {"image_size": image_size} if name.startswith("vit_") else {}
    try:
        network = models.get_model(name, weights=None, **chosen, **AUXILIARY.get(name, {}))
    except Exception as error:  # each network raises its own types for a size that does not fit
        raise SizeError(first_line(error)) from None
    _remove_classifier(network)
    return finished_backbone(network, model.backbone, image_size)


def _remove_classifier(network: nn.Module) -> None:
    """Replace the last linear layer with the identity, or SqueezeNet's convolution of classes with pooling."""
    from torch import nn

    linear = [path for path, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        network.classifier = nn.AdaptiveAvgPool2d(1)
        return
    parent, _, attribute = linear[-1].rpartition(".")
    setattr(network.get_submodule(parent), attribute, nn.Identity())


ENTRY = Family(
    title="torchvision",
    help="Classification networks of torchvision.",
    names=_names,
    build=_build,
)
