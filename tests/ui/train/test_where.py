"""The choice of where to run: what its controls mean, and where a refusal stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from tiny import tiny

from simsiam_core.config import ConfigError
from simsiam_core.config.executors.slurm import SlurmConfig
from simsiam_core.config.profiles import profiles, save_profile
from simsiam_core.jobs.executor import EXECUTORS
from simsiam_core.runs import RunError, RunStore
from simsiam_core.runs.placement import Placement
from simsiam_core.ui.context import Context
from simsiam_core.ui.train.where import NO_PROFILE, WherePanel


@pytest.fixture(autouse=True)
def _profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIAM_PROFILES", str(tmp_path / "profiles.yaml"))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a cluster answered."""
    monkeypatch.setattr(EXECUTORS.get("slurm"), "unavailable", lambda: "")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if SLURM were not installed."""
    monkeypatch.setattr(EXECUTORS.get("slurm"), "unavailable", lambda: "SLURM is not here.")


def panel(store: RunStore, executor: str = "local") -> WherePanel:
    with gr.Blocks():
        return WherePanel(Context(store, None, executor=executor))  # type: ignore[arg-type]


def given(where: WherePanel, executor: str, **fields: Any) -> list[Any]:
    values = {**SlurmConfig().model_dump(), **fields}
    return [executor, NO_PROFILE, *(values[spec.name] for spec in where._specs)]


@pytest.mark.usefixtures("nowhere")
def test_without_a_cluster_the_choice_is_off_and_says_why(store: RunStore) -> None:
    where = panel(store)
    assert where.executor.interactive is False
    assert where.executor.info == "SLURM is not here."
    assert where.read(given(where, "local")) == Placement()
    with pytest.raises(ConfigError, match="SLURM"):
        where.read(given(where, "slurm"))


@pytest.mark.usefixtures("here")
def test_fields_become_settings_and_each_refusal_stands_at_its_own(store: RunStore) -> None:
    where = panel(store)
    placement = where.read(given(where, "slurm", partition=" gpu ", gpus=2.0, memory=None))
    assert placement.settings == SlurmConfig(partition="gpu", gpus=2).model_dump()
    with pytest.raises(ConfigError) as caught:
        where.read(given(where, "slurm", memory="a lot", nodes=0))
    found = where.problems(caught.value)
    assert set(found) == {"slurm.memory", "slurm.nodes"}
    message, *looks = where.marks(found)
    marked = [spec.name for spec, look in zip(where._specs, looks, strict=True) if "has-problem" in str(look)]
    assert sorted(marked) == ["memory", "nodes"]
    assert "such as 16G" in message


@pytest.mark.usefixtures("here")
def test_on_a_login_node_there_is_no_other_choice_and_the_first_profile_is_filled_in(store: RunStore) -> None:
    save_profile("gpu", SlurmConfig(partition="gpu", gpus=4))
    where = panel(store, "slurm")
    assert [value for _, value in where.executor.choices] == ["slurm"]
    assert where.profile.value == "gpu"
    assert {"gpu", 4} <= {control.value for control in where._controls if control.value != ""}
    with pytest.raises(ConfigError, match="no executor 'local'"):
        where.read(given(where, "local"))
    assert list(profiles()) == ["gpu"]


@pytest.mark.usefixtures("here")
def test_what_slurm_refuses_is_told_before_anything_is_queued(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RunError("There is no such partition.")

    monkeypatch.setattr(EXECUTORS.get("slurm"), "check", refuse)
    where = panel(store)
    with pytest.raises(ConfigError) as caught:
        where.check(where.read(given(where, "slurm")), tiny())
    assert where.problems(caught.value) == {"slurm": "There is no such partition."}
