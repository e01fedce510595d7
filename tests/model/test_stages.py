from __future__ import annotations

import pytest

from simsiam_core.config import parse
from simsiam_core.model import build_backbone
from simsiam_core.model.backbone import Backbone
from simsiam_core.model.stages import modules_within, stage_of


def built(name: str) -> Backbone:
    return build_backbone(parse({"model": {"backbone": name, "width": 8}}).model, 32)


@pytest.mark.parametrize(
    ("name", "first", "count", "last"),
    [
        ("resnet10", {"conv1", "bn1"}, 5, "layer4"),
        ("torchvision:resnet18", {"conv1", "bn1"}, 5, "layer4"),
        ("torchvision:mobilenet_v3_small", {"features.0"}, 14, "classifier"),
        ("torchvision:vit_b_16", {"class_token", "conv_proj", "encoder.pos_embedding"}, 13, "encoder.ln"),
        ("timm:resnet10t", {"conv1", "bn1"}, 5, "layer4"),
        ("timm:vit_tiny_patch16_224", {"cls_token", "pos_embed", "patch_embed"}, 13, "norm"),
        ("timm:convnext_atto", {"stem"}, 6, "head.norm"),
    ],
)
def test_stages_are_counted_from_the_stem(name: str, first: set[str], count: int, last: str) -> None:
    stages = stage_of(built(name))
    assert set(stages.values()) == set(range(count))
    for prefix in first:
        assert {stage for key, stage in stages.items() if key.startswith(prefix)} == {0}
    assert {key for key, stage in stages.items() if stage == 0 and not key.startswith(tuple(first))} == set()
    assert {stage for key, stage in stages.items() if key.startswith(last)} == {count - 1}


def test_timm_s_blocks_are_finer_stages() -> None:
    backbone = built("timm:convnext_atto")
    coarse, fine = stage_of(backbone), stage_of(backbone, coarse=False)
    assert max(fine.values()) > max(coarse.values())
    assert fine["stages.2.blocks.0.mlp.fc1.weight"] < fine["stages.2.blocks.5.mlp.fc1.weight"]


def test_modules_are_found_by_their_parameters_and_buffers() -> None:
    backbone = built("resnet10")
    stages = stage_of(backbone)
    first = {name for name, stage in stages.items() if stage < 2}
    assert modules_within(backbone, first) == [backbone.conv1, backbone.bn1, backbone.layer1]
    assert modules_within(backbone, set(stages)) == [backbone]
    assert modules_within(backbone, {"conv1.weight", "bn1.weight"}) == [backbone.conv1]
