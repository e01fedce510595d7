"""Networks of timm (Wightman, 2019; Apache-2.0), without their classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simsiam_core.config import ConfigError, ModelConfig
from simsiam_core.model.backbone import Family, finished_backbone

if TYPE_CHECKING:
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
        raise ConfigError.at(
            "model.backbone", f"timm has no network {name!r}; `simsiam backbones` lists them."
        )
    takes_size: dict[str, Any] = {"img_size": image_size}
    try:
        network = timm.create_model(name, num_classes=0, **takes_size)
    except TypeError:  # its weights do not depend on the size
        network = timm.create_model(name, num_classes=0)
    except (AssertionError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or ["it does not fit"])[0].rstrip(".")
        raise ConfigError.at(
            "data.image_size", f"{model.backbone} cannot take images of {image_size} px: {reason}."
        ) from None
    return finished_backbone(network, model.backbone, image_size)


ENTRY = Family(
    title="timm",
    help="Networks of the library timm: ConvNeXt, EfficientNet, ViT, Swin and about a thousand more.",
    names=_names,
    build=_build,
)
