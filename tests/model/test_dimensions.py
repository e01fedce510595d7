from __future__ import annotations

import pytest

from simsiam_core.config import ModelConfig
from simsiam_core.model import build_backbone
from simsiam_core.model.backbones.resnet import BLOCKS
from simsiam_core.model.dimensions import feature_dim


@pytest.mark.parametrize("backbone", BLOCKS)
def test_the_feature_width_is_that_of_the_network(backbone: str) -> None:
    config = ModelConfig(backbone=backbone, width=8)
    assert feature_dim(config) == build_backbone(config).feature_dim
