"""Groups of parameters with their weight decay, and with the share of the learning rate that each gets."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from torch import nn

from simsiam_core.config import OptimiserConfig
from simsiam_core.model import JointEmbedding
from simsiam_core.model.parameter_groups import undecayed_parameters
from simsiam_core.model.stages import stage_of

BACKBONE, PREDICTOR = "backbone.", "predictor"


def parameter_groups(
    network: JointEmbedding, config: OptimiserConfig
) -> tuple[list[dict[str, Any]], list[float]]:
    """Split a network's parameters by learning rate and weight decay.

    Returns groups for an optimiser, and the share of the peak learning rate of each. The first group is named
    "encoder" and has the whole rate; the predictor's groups have names that start with "predictor". With
    `layer_decay` each stage of the backbone has groups of its own. Weight decay has a setting for vectors,
    that is norms and biases, and none acts on tokens, position embeddings and what else the backbone names.
    """
    plain = config.weight_decay if config.decay_norm_and_bias else 0.0
    kinds = {"": config.weight_decay, ", norms and biases": plain, ", tokens and positions": 0.0}
    spared = {BACKBONE + name for name in undecayed_parameters(network.backbone)}
    shares = _shares(network.backbone, config.layer_decay)
    members: dict[tuple[bool, float, str], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in network.trained_parameters().items():
        vector = ", norms and biases" if parameter.ndim <= 1 else ""
        kind = ", tokens and positions" if name in spared else vector
        share = shares.get(name.removeprefix(BACKBONE), 1.0) if name.startswith(BACKBONE) else 1.0
        members[name.startswith(f"{PREDICTOR}."), share, kind].append(parameter)
    groups, of_groups = [], []
    # The encoder before the predictor, the whole rate before shares of it, kinds as above.
    for of_predictor, share, kind in sorted(
        members, key=lambda key: (key[0], -key[1], list(kinds).index(key[2]))
    ):
        part = PREDICTOR if of_predictor else "encoder" if share == 1 else f"backbone at {share:.3g}"
        inside = members[of_predictor, share, kind]
        groups.append({"name": part + kind, "params": inside, "weight_decay": kinds[kind]})
        of_groups.append(share)
    return groups, of_groups


def _shares(backbone: nn.Module, layer_decay: float) -> dict[str, float]:
    """Return the share of the learning rate by name (BEiT: Bao et al., 2021): the heads have the whole rate."""
    if layer_decay == 1:
        return {}
    stages = stage_of(backbone, coarse=False)
    count = 1 + max(stages.values())
    return {name: layer_decay ** (count - stage) for name, stage in stages.items()}
