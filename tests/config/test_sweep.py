from __future__ import annotations

import pytest

from simsiam_core.config import ConfigError, expand, read_sweeps


def test_lists_and_ranges_of_any_field_become_runs() -> None:
    sweeps = read_sweeps(["lr: 0.03, 0.06, 0.12", "", "training.seed=1:3:3", "predictor: true, false"])
    configs = expand({"name": "try", "training": {"epochs": 5}}, sweeps)
    assert len(configs) == 3 * 3 * 2
    assert {c.optimiser.base_lr for c in configs} == {0.03, 0.06, 0.12}
    assert {c.training.seed for c in configs} == {1, 2, 3}
    assert {c.model.predictor for c in configs} == {True, False}
    assert all(c.training.epochs == 5 for c in configs)
    assert len({c.name for c in configs}) == len(configs)


def test_a_range_may_be_geometric() -> None:
    (sweep,) = read_sweeps(["base-lr=0.01:1:3:log"])
    assert sweep.values == ("0.01", "0.1", "1")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nothing: 1, 2", "is no sweep"),
        ("lr", "is no sweep"),
        ("lr: 0:1:3:log", "no range"),
        ("seed: 1:5:1", "no range"),
    ],
)
def test_what_is_no_sweep_is_told(line: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_sweeps([line])


def test_every_run_is_validated_and_their_number_is_limited() -> None:
    with pytest.raises(ConfigError, match="Batch size"):
        expand({}, read_sweeps(["batch_size: 32, 0"]))
    with pytest.raises(ConfigError, match="10000 runs"):
        expand({}, read_sweeps(["seed: 1:100:100", "lr: 0.1:1:100"]))
