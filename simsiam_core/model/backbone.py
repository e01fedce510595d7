"""Backbones: building the network that a config names, from the registry of families.

A name without a colon is one of this program's ResNets; `timm:vit_small_patch16_224` or
`torchvision:mobilenet_v3_small` is a network of another library, whose module in `model/backbones/` builds it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from simsiam_core.config import ConfigError, ModelConfig, find_field
from simsiam_core.config.sections.network import NAMED, RESNETS, backbone_family
from simsiam_core.model.onednn_workaround import replace_affected_convolutions
from simsiam_core.registry import Registry

SIZE_STEP = 16  # sizes that are tried for a network that cannot take the one it was given: multiples of this


class Backbone(nn.Module):
    """What every backbone offers: pooled features without a classifier. Its parameters have their library's names."""

    feature_dim: int  # D below

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images `[B, 3, S, S]` to features `[B, D]`."""
        raise NotImplementedError


class SizeError(ValueError):
    """An image size that a network cannot take; the message is a clause that says why, or empty.

    `multiple`, if it is known, is the number of px of which the size must be a multiple.
    """

    def __init__(self, reason: str, multiple: int | None = None) -> None:
        super().__init__(reason)
        self.multiple = multiple


@dataclass(frozen=True)
class Family:
    """A library of networks. Its functions import the library only when they are called."""

    title: str
    help: str
    names: Callable[[], tuple[str, ...]]  # of all its networks, as written in `model.backbone`
    # Builds a network with random weights for images of a size in px, drawn from torch's global generator, with
    # the name it has in `model.backbone`. Raises ConfigError at model.backbone for an unknown name or a missing
    # package, and SizeError for a size that the network cannot take.
    build: Callable[[ModelConfig, int], Backbone]


FAMILIES: Registry[Family] = Registry("model.backbones", Family, "family of backbones")


def backbone_names(progress: object = None) -> tuple[str, ...]:
    """Return the names of all backbones: those shown first, then those of each library, which it imports."""
    first = (*RESNETS, *NAMED)
    found = (name for family in FAMILIES.all().values() for name in family.names())
    return (*first, *(name for name in found if name not in first))


def build_backbone(model: ModelConfig, image_size: int = 32) -> Backbone:
    """Build the backbone of a config with random weights.

    `image_size`, in px, determines the weights of networks with position embeddings; the ResNets take any.
    Raises ConfigError at `model.backbone` for a network that there is not or that has no vector of features, and
    at `data.image_size` for a size that it cannot take.
    """
    try:
        backbone = _built(model, image_size)
    except SizeError as error:
        raise ConfigError.at("data.image_size", _refusal(model, image_size, error)) from None
    replace_affected_convolutions(backbone)
    return backbone


def _built(model: ModelConfig, image_size: int) -> Backbone:
    """Build a backbone on the default device. Raises SizeError or ConfigError."""
    family = FAMILIES.get(backbone_family(model.backbone))
    try:
        return family.build(model, image_size)
    except SizeError as error:
        # Some networks compute their widths with tensors, whose numbers the meta device does not have.
        if torch.get_default_device().type != "meta" or "meta" not in str(error):
            raise
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        backbone = family.build(model, image_size)
    return backbone.to("meta")


def _refusal(model: ModelConfig, image_size: int, error: SizeError) -> str:
    """Say that a network cannot take a size, and which sizes next to it are taken."""
    sentence = f"{model.backbone} cannot take images of {image_size} px"
    if taken := _sizes_taken(model, image_size, error.multiple or SIZE_STEP):
        sizes = " or ".join(map(str, taken))
        if error.multiple and max(abs(size - image_size) for size in taken) < error.multiple:
            return f"{sentence}; choose a multiple of {error.multiple} px, such as {sizes} px."
        return f"{sentence}; choose {sizes} px."
    reason = f": {error}" if str(error) else ""
    return f"{sentence}, nor any other size that images have here{reason}; choose another network."


def _sizes_taken(model: ModelConfig, image_size: int, step: int) -> list[int]:
    """Return the next smaller and the next larger multiple of `step` that the network takes, in px."""
    field = find_field("data.image_size")
    assert field is not None and field.minimum is not None and field.maximum is not None
    smallest, largest = int(field.minimum), int(field.maximum)
    below = range((image_size - 1) // step * step, smallest - 1, -step)
    above = range((image_size // step + 1) * step, largest + 1, step)
    taken = (next((size for size in sizes if _takes(model, size)), None) for sizes in (below, above))
    return [size for size in taken if size is not None]


def _takes(model: ModelConfig, image_size: int) -> bool:
    try:
        with torch.device("meta"):  # shapes alone: nothing is computed or drawn
            _built(model, image_size)
    except (SizeError, ConfigError):
        return False
    return True


def finished_backbone(network: nn.Module, name: str, image_size: int) -> Backbone:
    """Return a library's network without classifier as a backbone, after trying it on an image.

    Raises SizeError where it cannot take images of that size, and ConfigError at `model.backbone` where its
    output is not one vector of numbers per image.
    """
    if ignored := ignored_pixels(network, image_size):
        raise SizeError(f"it would ignore the last {ignored[0]} px of every row and column", ignored[1])
    training = network.training
    device = next(network.parameters()).device
    pattern = torch.linspace(-2, 2, 3 * image_size**2, device=device).view(1, 3, image_size, image_size)
    try:
        with torch.no_grad():
            out = network.eval()(pattern)
    except Exception as error:  # each library raises its own types for a size that does not fit
        raise SizeError(first_line(error)) from None
    if not isinstance(out, Tensor) or out.ndim != 2:
        raise ConfigError.at(
            "model.backbone", f"{name} does not map an image to one vector; choose another network."
        )
    if not out.is_meta and not bool(out.isfinite().all()):
        raise ConfigError.at(
            "model.backbone",
            f"{name} with random weights gives numbers that are not finite for images of {image_size} px; choose "
            "another network or another size.",
        )
    network.train(training)
    network.feature_dim = out.shape[1]  # type: ignore[assignment]
    return network  # type: ignore[return-value]


def ignored_pixels(network: nn.Module, image_size: int) -> tuple[int, int] | None:
    """Return how many px at the border no patch covers and the side of a patch; None if all are covered.

    That is asked of convolutions of the image whose windows do not overlap, as in vision transformers.
    """
    for module in network.modules():
        if not isinstance(module, nn.Conv2d) or module.in_channels != 3:
            continue
        side = module.kernel_size[0]
        whole = module.kernel_size == module.stride and side > 1 and module.padding == (0, 0)
        if whole and image_size % side:
            return image_size % side, side
    return None


def unknown_network(name: str, known: Sequence[str]) -> str:
    """Say that a library has no network of that name, and which of those it has are spelt alike."""
    library, _, inside = name.partition(":")
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.8)
    hint = f"did you mean {' or '.join(close)}?" if close else "`simsiam backbones` lists those it has."
    return f"{library} has no network {inside!r}; {hint}"


def first_line(error: Exception) -> str:
    """Return an error of a library as a clause: its first line, or its type if it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".") or type(error).__name__
