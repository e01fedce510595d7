"""Networks of timm (Wightman, 2019; Apache-2.0), without their classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simsiam_core.config import ConfigError, ModelConfig
from simsiam_core.model.backbone import Family, SizeError, finished_backbone, first_line, unknown_network

if TYPE_CHECKING:
    from torch import nn

    from simsiam_core.model.backbone import Backbone

PREFIX = "timm:"


def _names() -> tuple[str, ...]:
    import timm

    return tuple(PREFIX + name for name in timm.list_models())


def _build(model: ModelConfig, image_size: int) -> Backbone:
    """Build a network with random weights, for images of that size if its weights depend on it."""
    import timm

    name = model.backbone.removeprefix(PREFIX)
    if not timm.is_model(name):
        raise ConfigError.at("model.backbone", unknown_network(model.backbone, _names()))
    return finished_backbone(_created(name, image_size), model.backbone, image_size)


def _created(name: str, image_size: int) -> nn.Module:
    """Create a network by its name in timm. Raises SizeError."""
    import timm

    sized: dict[str, Any] = {"img_size": image_size}
    try:
        return timm.create_model(name, num_classes=0, **sized)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
    except Exception as error:  # each network raises its own types for a size that does not fit
        raise SizeError(first_line(error)) from None
    return timm.create_model(name, num_classes=0)  # its weights do not depend on the size


ENTRY = Family(
    title="timm",
    help="Networks of the library timm: ConvNeXt, EfficientNet, ViT, Swin and about a thousand more.",
    names=_names,
    build=_build,
)
