from __future__ import annotations

import pytest

from simsiam_core.config import parse
from simsiam_core.model import build_backbone
from simsiam_core.model.parameter_groups import undecayed_parameters


@pytest.mark.parametrize(
    ("name", "spared"),
    [
        ("timm:vit_tiny_patch16_224", {"cls_token", "pos_embed"}),
        ("torchvision:vit_b_16", {"class_token", "encoder.pos_embedding"}),
        ("timm:convnext_atto", set()),
        ("resnet10", set()),
    ],
)
def test_weight_decay_spares_tokens_and_position_embeddings(name: str, spared: set[str]) -> None:
    backbone = build_backbone(parse({"model": {"backbone": name}}).model, 32)
    assert undecayed_parameters(backbone) == spared


def test_what_a_network_exempts_from_weight_decay_may_be_patterns() -> None:
    config = parse({"model": {"backbone": "timm:xcit_nano_12_p16_224"}})
    spared = undecayed_parameters(build_backbone(config.model, 32))
    assert {"cls_token", "pos_embed.token_projection.weight"} <= spared
    assert not any(name.startswith("blocks.") for name in spared)
