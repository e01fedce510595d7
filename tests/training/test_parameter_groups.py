from __future__ import annotations

import pytest
from fitting import trained
from tiny import tiny

from simsiam_core.config import OptimiserConfig
from simsiam_core.model import SimSiam
from simsiam_core.training.parameter_groups import parameter_groups
from simsiam_core.training.schedule import lr_factor

NETWORK = SimSiam(tiny().model)


def test_weight_decay_spares_norms_and_biases_when_asked() -> None:
    groups, _ = parameter_groups(NETWORK, OptimiserConfig(decay_norm_and_bias=False))
    for group in groups:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] > 0}


def test_tokens_and_positions_are_never_decayed() -> None:
    transformer = SimSiam(tiny(model={"backbone": "timm:vit_tiny_patch16_224"}).model, 32)
    groups, _ = parameter_groups(transformer, OptimiserConfig())
    spared = {id(p) for group in groups if group["weight_decay"] == 0 for p in group["params"]}
    assert spared == {id(transformer.backbone.cls_token), id(transformer.backbone.pos_embed)}


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
def test_every_parameter_is_in_one_group_and_the_heads_have_the_whole_rate(layer_decay: float) -> None:
    groups, shares = parameter_groups(NETWORK, OptimiserConfig(layer_decay=layer_decay))
    inside = [id(p) for group in groups for p in group["params"]]
    assert sorted(inside) == sorted(id(p) for p in NETWORK.parameters())
    share_of = {id(p): share for group, share in zip(groups, shares, strict=True) for p in group["params"]}
    heads = [*NETWORK.projector.parameters(), *NETWORK.predictor.parameters()]
    assert {share_of[id(p)] for p in heads} == {1.0}
    backbone = NETWORK.backbone
    for power, module in ((1, backbone.layer4), (4, backbone.layer1), (5, backbone.conv1)):
        assert {share_of[id(p)] for p in module.parameters()} == {layer_decay**power}


def test_the_rates_of_all_stages_follow_the_schedule_and_the_whole_one_is_reported() -> None:
    config = tiny(optimiser={"layer_decay": 0.5})
    module, record = trained(config)
    whole = [config.lr * lr_factor(step, warmup_steps=4, total_steps=12) for step in range(12)]
    assert [rates["encoder"] for rates in record.rates] == pytest.approx(whole)
    assert [rates["backbone at 0.0312"] for rates in record.rates] == pytest.approx(
        [rate / 32 for rate in whole]
    )
    assert set(module.learning_rates()) == {"train/lr", "train/lr_predictor"}
