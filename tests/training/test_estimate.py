from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import TINY, tiny

from simsiam_core.config import merge, parse
from simsiam_core.config.sections.objective import method_names
from simsiam_core.training import estimate
from simsiam_core.training.estimate import Estimate, knn_checks, predict, work
from simsiam_core.training.objective import Objective
from simsiam_core.training.pace import GREY, Pace, step_loop


def test_work_is_counted_from_the_network() -> None:
    """0.556 GMAC an image and pass, three passes' work forward and backward, two views, two FLOP a MAC."""
    config = parse({"model": {"projector_dim": 1024}})
    flop = 0.556e9 * 2 * 3 * 2
    assert work(config).flop == pytest.approx(flop, rel=0.02)
    assert 13e6 < work(config).parameters < 14.5e6


def test_grouped_convolutions_are_counted_by_their_groups() -> None:
    """0.0055 GMAC of the backbone and 0.0084 of the heads, as above."""
    values = {"model": {"backbone": "timm:mobilenetv3_small_100"}, "data": {"image_size": 64}}
    assert work(parse(values)).flop == pytest.approx((0.0055e9 + 0.0084e9) * 2 * 3 * 2, rel=0.02)
    assert work(parse(values)).feature_dim == 1024


def test_views_and_turned_crops_cost_what_they_are() -> None:
    two, four, turned = (
        work(parse({"objective": o})).flop
        for o in ({}, {"views": 4}, {"rotation_weight": 0.4, "rotation_crop": 16})
    )
    assert four == pytest.approx(2 * two)
    assert turned == pytest.approx(1.5 * two, rel=0.02)  # four quarters of an image beside two views


@pytest.mark.parametrize("method", method_names())
def test_the_cost_of_every_method_can_be_counted(method: str) -> None:
    cost = work(parse(merge(TINY, {"objective": {"method": method, "rotation_crop": 8}})))
    assert cost.flop > 0 and cost.activation_bytes > 0


def test_a_target_network_costs_its_way_there_and_its_weights() -> None:
    """A third of a pass for every view, no activations, and neither gradients nor momentum."""
    model = {"projector_dim": 64, "predictor_hidden": 4, "projection_dim": 8}
    byol, simclr = (parse({"objective": {"method": method}, "model": model}) for method in ("byol", "simclr"))
    target, plain = work(byol), work(simclr)
    assert target.flop == pytest.approx(4 / 3 * plain.flop, rel=0.01)
    assert target.activation_bytes == pytest.approx(plain.activation_bytes, rel=0.01)
    assert target.trained_parameters == pytest.approx(plain.parameters, rel=0.001)
    assert target.parameters == pytest.approx(2 * plain.parameters, rel=0.001)
    assert plain.trained_parameters == plain.parameters
    assert Objective(byol, *GREY).passes == pytest.approx(4 / 3 * Objective(simclr, *GREY).passes)


def test_activations_grow_with_the_area_and_weights_are_none() -> None:
    def activations(size: int, **model: int) -> float:
        return work(parse({"data": {"image_size": size}, "model": model})).activation_bytes

    small, large = (activations(size, projector_dim=8, predictor_hidden=4) for size in (32, 64))
    assert large == pytest.approx(4 * small, rel=0.01)
    wide = activations(32, projector_dim=4096)  # 18 million weights more, 0.1 MB of activations
    assert wide < small + 1e6


def test_time_follows_the_epochs_and_memory_the_batch() -> None:
    short, long = (predict(merge(TINY, {"training": {"epochs": n}})) for n in (10, 1000))
    assert short.seconds is not None
    assert long.seconds is not None
    assert short.images_per_second == long.images_per_second  # calibrated once
    assert 0 < short.seconds < long.seconds < 110 * short.seconds
    assert short.device == "CPU"
    wide = predict(merge(TINY, {"training": {"batch_size": 80}}))
    assert wide.memory_bytes > short.memory_bytes


def test_gpus_share_the_images_and_processes_on_a_cpu_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a pace that is given, so that no machine's speed plays a part."""
    timed = []

    def pace(_config: object, images: int, device: str, _precision: str, _taken: object) -> Pace:
        timed.append((device, images))
        return Pace(0.01, 1e9 if device == "cuda" else None)

    monkeypatch.setattr(estimate, "calibrate", pace)

    def found(accelerator: str, devices: int) -> Estimate:
        monkeypatch.setattr(estimate, "resolve_device", lambda _: (accelerator, "32-true"))
        return predict(merge(TINY, {"training": {"devices": devices, "epochs": 1000}}))

    one, two = found("gpu", 1), found("gpu", 2)
    assert (two.devices, two.images_per_second) == (2, 200)
    assert one.seconds is not None
    assert two.seconds is not None
    assert one.seconds - two.seconds == pytest.approx(1000 * 80 * 0.01 / 2)
    alone, beside = found("cpu", 1), found("cpu", 2)
    assert (beside.devices, beside.seconds) == (1, alone.seconds)
    assert beside.memory_bytes > 1.5 * alone.memory_bytes
    assert timed == [("cuda", 20), ("cuda", 10), ("cpu", 20), ("cpu", 10)]


def test_knn_checks_come_first_at_the_cadence_and_last() -> None:
    for epochs, every, checks in ((10, 1, 11), (10, 3, 5), (10, 5, 3), (2, 5, 2)):
        config = parse(merge(TINY, {"training": {"epochs": epochs}, "knn": {"knn_every": every}}))
        assert knn_checks(config) == checks


def test_steps_are_timed_on_images_as_large_as_crops_are_cut_from(tmp_path: Path) -> None:
    own = {"source": "folder", "path": str(tmp_path)}
    for data, expected in (
        (own, 40),
        (own | {"stored_size": 16}, 16),
        (own | {"stored_size": 24}, 24),
        ({}, 16),
    ):
        shape = estimate._shape(tiny(data=data))
        assert shape.data.stored_size == expected
        step_loop(shape, torch.device("cpu"), "32-true", 4, augmented=True)[0]()
