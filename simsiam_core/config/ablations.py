"""Predefined ablations: groups of runs in which one setting is removed or changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simsiam_core.config.files import merge
from simsiam_core.config.problems import parse
from simsiam_core.config.schema import Config
from simsiam_core.config.unused import refuse_unused


@dataclass(frozen=True)
class Ablation:
    """Group of runs: a title, the question it answers, and each member's changes by name."""

    title: str
    question: str
    members: Mapping[str, Mapping[str, Any]]


ABLATIONS = {
    "collapse": Ablation(
        "Stop-gradient and predictor",
        "What prevents collapse? The paper's figure 2 and section 4.2.",
        {
            "baseline": {},
            "no-stop-gradient": {"model": {"stop_gradient": False}},
            "no-predictor": {"model": {"predictor": False}},
        },
    ),
    "predictor-lr": Ablation(
        "Predictor learning rate",
        "Should the predictor's learning rate decay?",
        {
            "decayed": {"optimiser": {"predictor_lr": "decayed"}},
            "constant": {"optimiser": {"predictor_lr": "constant"}},
        },
    ),
    "batch-norm": Ablation(
        "Batch norm at the projector's end",
        "Does a learnt scale and shift there matter?",
        {
            "affine": {"model": {"projector_affine": True}},
            "no-affine": {"model": {"projector_affine": False}},
        },
    ),
    "batch-size": Ablation(
        "Batch size",
        "Does it need large batches? The learning rate follows the batch size.",
        {f"batch-{size}": {"training": {"batch_size": size}} for size in (32, 64, 128, 256)},
    ),
}


def members(name: str, base: Mapping[str, Any]) -> list[Config]:
    """Build the configs of a group over a base config as nested values. Raises ConfigError."""
    configs = []
    for member, changes in ABLATIONS[name].members.items():
        configs.append(parse(merge(base, changes, {"name": f"{name}-{member}"})))
        refuse_unused(configs[-1], changes)
    return configs
