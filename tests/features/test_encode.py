"""How many images are encoded at once."""

from __future__ import annotations

import pytest
import torch
from tiny import tiny

from simsiam_core.features import encode
from simsiam_core.model import Encoder, build_backbone
from simsiam_core.model.cost import cost
from simsiam_core.training.pace import GREY


def encoder(backbone: str, size: int) -> Encoder:
    config = tiny(model={"backbone": backbone}, data={"image_size": size})
    with torch.device("meta"):
        return Encoder(build_backbone(config.model, size), config, *GREY, classes=(), epoch=0, step=0)


def test_a_gpu_encodes_as_many_images_as_the_network_leaves_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "free_bytes", lambda _: 1e9)
    sizes = {}
    for name in ("resnet10", "timm:vit_tiny_patch16_224", "timm:efficientnet_b0"):
        given = encoder(name, 64)
        sizes[name] = encode._batch_size(given, 64, torch.device("cuda"))
        image_bytes = encode.COPIES * cost(given.config.model, 64).largest_bytes + 48 * 64**2
        assert 0.95 * 0.25e9 < sizes[name] * image_bytes <= 0.25e9, name
    # 17 tokens of 768 numbers need a ninth of what 96 maps of 32 × 32 do.
    assert sizes["timm:vit_tiny_patch16_224"] > 2 * sizes["timm:efficientnet_b0"]
    monkeypatch.setattr(encode, "free_bytes", lambda _: 0)
    assert encode._batch_size(given, 64, torch.device("cuda")) == 1
    assert encode._batch_size(given, 64, torch.device("cpu")) == 64
