"""torchvision: the weights of the backbone under torchvision's names, without a classifier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from simsiam_core.evaluation.exporter import BackboneExporter

if TYPE_CHECKING:
    from torch import nn

    from simsiam_core.model import Encoder


def _write(encoder: Encoder, file: BinaryIO) -> None:
    import torch

    from simsiam_core.evaluation.exporters._equals import equal_network

    _, network, _ = equal_network(encoder, "torchvision", _candidates)
    torch.save({name: value.contiguous() for name, value in network.state_dict().items()}, file)


def _candidates(name: str, size: int) -> Iterator[tuple[nn.Module, dict[str, Any]]]:
    """Yield torchvision's network of that name, its classifier replaced with the identity, if it has one."""
    from simsiam_core.config import ConfigError, ModelConfig
    from simsiam_core.model import build_backbone

    try:
        yield build_backbone(ModelConfig(backbone=f"torchvision:{name}"), size), {}
    except (ConfigError, ValueError):  # no such network there
        return


def _usage(encoder: Encoder, file: str) -> str:
    from torch import nn
    from torchvision import models

    from simsiam_core.evaluation.exporters._equals import name_elsewhere

    name, size = name_elsewhere(encoder.config.model), encoder.config.data.image_size
    sized = {"image_size": size} if name.startswith("vit_") else {}
    modules = models.get_model(name, weights=None, **sized).named_modules()
    classifier = [path for path, module in modules if isinstance(module, nn.Linear)][-1]
    arguments = "".join(f", {key}={value}" for key, value in sized.items())
    return (
        f'net = torchvision.models.get_model("{name}"{arguments}).eval()\n'
        f"net.{_attribute(classifier)} = torch.nn.Identity()  # the file holds no classifier\n"
        f'net.load_state_dict(torch.load("{file}"))'
    )


def _attribute(path: str) -> str:
    """Return a module's path as Python: `classifier.3` is `classifier[3]`."""
    first, *parts = path.split(".")
    return first + "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in parts)


ENTRY = BackboneExporter(
    title="torchvision",
    help="weights for torchvision's network of its name, without a classifier",
    suffix=".pth",
    write=_write,
    order=44,
    usage=_usage,
)
