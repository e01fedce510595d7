"""Stages of a backbone, from the stem on: what can be frozen, and what can have learning rates of its own."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

# Modules that only hold a network's stages one after another, by the names that libraries give them.
CONTAINERS = ("features", "transformers", "encoder", "layers", "blocks", "stages", "trunk_output")


def stage_of(backbone: nn.Module, *, coarse: bool = True) -> dict[str, int]:
    """Return the stage of each parameter and buffer of a backbone by name: 0 is the stem.

    timm's networks say themselves what belongs together, and their blocks where `coarse` is False or they
    know no coarser stages, such as transformers; a final norm counts as part of the last stage. The others
    are divided by their modules: in a ResNet the stem, then `layer1` to `layer4`.
    """
    names = [name for name, _ in (*backbone.named_parameters(), *backbone.named_buffers())]
    matcher = getattr(backbone, "group_matcher", None)
    if callable(matcher):
        from timm.models._manipulate import group_with_matcher

        found = group_with_matcher(((name, None) for name in names), matcher(coarse=coarse), reverse=True)
        return {name: int(found[name]) for name in names}
    return _by_modules(backbone, names)


def _by_modules(backbone: nn.Module, names: list[str]) -> dict[str, int]:
    """Start a stage at each module that consists of others; single layers belong to the stage before them."""
    stages = dict.fromkeys(names, 0)  # parameters without a module, such as a class token, are of the stem
    current, empty = 0, True
    for path, module in _units(backbone):
        inside = [name for name in names if name.startswith(f"{path}.")]
        if not inside:
            continue
        if not empty and any(True for _ in module.children()):
            current += 1
        empty = False
        stages.update(dict.fromkeys(inside, current))
    return stages


def _units(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if name in CONTAINERS and any(True for _ in child.children()):
            yield from _units(child, f"{prefix}{name}.")
        else:
            yield prefix + name, child


def modules_within(backbone: nn.Module, names: set[str]) -> list[nn.Module]:
    """Return the largest modules that have parameters or buffers, all of them among `names`."""
    own = {name for name, _ in (*backbone.named_parameters(), *backbone.named_buffers())}
    if own and own <= names:
        return [backbone]
    found = []
    for name, child in backbone.named_children():
        found += modules_within(
            child, {n.removeprefix(f"{name}.") for n in names if n.startswith(f"{name}.")}
        )
    return found
