"""What the page knows of networks: asked of the worker once, and told at the field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tiny import tiny

from simsiam_core.config import Config, ConfigError
from simsiam_core.features.worker import WorkError
from simsiam_core.ui.live.network_checks import FIRST_NAMES, NetworkAnswers
from simsiam_core.ui.train.summary import summary


class Here:
    """A worker that does what it is asked at once, and counts."""

    def __init__(self, broken: bool = False) -> None:
        self.asked, self.broken = 0, broken

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        self.asked += 1

        class Task:
            def result(task) -> Any:
                if self.broken:
                    raise WorkError("The worker process was killed.")
                try:
                    return function(*args)
                except ConfigError as error:
                    raise WorkError(str(error), tuple(error.problems)) from None

        return Task()


def vit(size: int, **sections: dict) -> Config:
    return tiny(model={"backbone": "timm:vit_tiny_patch16_224"}, data={"image_size": size}, **sections)


def test_a_network_is_described_by_the_worker() -> None:
    worker = Here()
    networks = NetworkAnswers(worker)  # type: ignore[arg-type]
    first, last = networks.row(vit(64))
    assert "Working out" in first
    assert "192 numbers an image" in last and "5.5 M parameters" in last and "0.0939 GMAC" in last
    assert list(networks.row(vit(64, training={"epochs": 9}))) == [last]
    assert worker.asked == 1
    *_, ours = networks.row(tiny())
    assert "GMAC an image of 16 px" in ours and "Representation" not in ours, "that row is the summary's"
    assert "not used: timm:vit_tiny" in summary(vit(64), 1000)


def test_a_refusal_stands_at_its_field_once_it_is_known() -> None:
    networks = NetworkAnswers(Here())  # type: ignore[arg-type]
    assert networks.problems(vit(50)) == {}
    assert list(networks.row(vit(50)))[-1] == ""
    assert networks.problems(vit(50)).keys() == {"data.image_size"}
    assert networks.problems(vit(64)) == {}
    with pytest.raises(ConfigError, match="multiple of 16 px"):
        networks.check(vit(50))
    turned = vit(64, objective={"rotation_weight": 1, "rotation_crop": 32})
    with pytest.raises(ConfigError, match="takes no crops of 32 px"):
        networks.check(turned)


def test_trouble_of_the_worker_is_no_trouble_of_the_network() -> None:
    worker = Here(broken=True)
    networks = NetworkAnswers(worker)  # type: ignore[arg-type]
    networks.check(vit(50))
    assert networks.problems(vit(50)) == {} and networks.names() == FIRST_NAMES
    worker.broken = False
    assert len(networks.names()) > 1000
    with pytest.raises(ConfigError):
        networks.check(vit(50))


def test_our_own_networks_are_not_waited_for() -> None:
    worker = Here()
    NetworkAnswers(worker).check(tiny())  # type: ignore[arg-type]
    assert worker.asked == 0
