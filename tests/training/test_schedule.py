from __future__ import annotations

import math

from simsiam_core.training.schedule import lr_factor


def test_warm_up_is_linear_and_ends_at_the_peak() -> None:
    factors = [lr_factor(step, warmup_steps=4, total_steps=20) for step in range(5)]
    assert factors == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_cosine_falls_from_the_peak_to_zero() -> None:
    assert lr_factor(0, warmup_steps=0, total_steps=10) == 1.0
    assert lr_factor(5, warmup_steps=0, total_steps=10) == 0.5
    assert lr_factor(10, warmup_steps=0, total_steps=10) == 0.0
    assert math.isclose(lr_factor(9, warmup_steps=0, total_steps=10), 0.5 * (1 + math.cos(0.9 * math.pi)))


def test_a_constant_rate_still_warms_up() -> None:
    assert lr_factor(0, warmup_steps=2, total_steps=10, decayed=False) == 0.5
    assert lr_factor(9, warmup_steps=2, total_steps=10, decayed=False) == 1.0
