from __future__ import annotations

import pickle
import zipfile
from typing import Any, get_args

import pytest
import torch
from pretended import end
from pydantic import BaseModel, ValidationError
from tiny import tiny

from simsiam_core.cli.train import announce
from simsiam_core.config import ConfigError, fields, merge
from simsiam_core.config.unused import is_used
from simsiam_core.jobs import fork
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.training import worker
from simsiam_core.training.objective import Objective


def test_a_fork_takes_curve_and_checkpoint_along(store: RunStore, three: list) -> None:
    run = three[0]
    for name, epoch in (("epoch=0000", 0), ("epoch=0001", 1), ("epoch=0002", 2), ("last", 3)):
        with zipfile.ZipFile(run.checkpoints_dir / f"{name}.ckpt", "w") as archive:
            header = {"global_step": 4 * epoch, "simsiam": {"epochs_done": epoch}}
            archive.writestr("archive/data.pkl", pickle.dumps(header))
    (run.checkpoints_dir / "epoch=0003.ckpt").write_text("damaged")
    run.metrics_path.write_text("".join(f'{{"step":{s}}}\n' for s in range(1, 13)))
    end(run, step=12, total_steps=12, epoch=3)
    with pytest.raises(ConfigError, match="cannot change model"):
        fork(store, run, "epoch=0002", {"model": {"width": 16}})
    with pytest.raises(RunError, match="no checkpoint"):
        fork(store, run, "../last", {})
    with pytest.raises(RunError, match="cannot be read"):
        fork(store, run, "epoch=0003", {})
    copy = fork(store, run, "epoch=0002", {"optimiser": {"base_lr": 0.5}})
    assert (copy.status().state, copy.status().step) == ("queued", 8)
    assert [m["step"] for m in copy.metrics()] == list(range(1, 9))
    assert [c.name for c in copy.checkpoints()] == ["epoch=0000", "epoch=0001", "epoch=0002", "last"]
    assert copy.checkpoint("last").path.read_bytes() == run.checkpoint("epoch=0002").path.read_bytes()
    assert copy.notes().forked_from == f"{run.id} epoch=0002"
    assert copy.config().optimiser.base_lr == 0.5


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, RunDirectory]:
    """One epoch each, without and with the rotation task."""
    store = RunStore(tmp_path_factory.mktemp("trained"))
    runs = {}
    for rotates in (False, True):
        objective = {"rotation_weight": 0.4 * rotates, "rotation_crop": 8}
        run = store.create(tiny(objective=objective, training={"epochs": 1}, optimiser={"warmup_epochs": 0}))
        announce(run)
        assert worker.train(run) == 0
        runs[rotates] = run
    return runs


def changed(section: BaseModel) -> dict[str, Any]:
    """Another allowed value for every setting of a section."""
    values: dict[str, Any] = {}
    for name, info in type(section).model_fields.items():
        before = getattr(section, name)
        choices: list[Any] = list(get_args(info.annotation))
        if isinstance(before, bool):
            choices = [not before]
        elif isinstance(before, int | float):
            choices = [before * 2, before + 1, before / 2]
        elif isinstance(before, str) and choices == []:  # text: a backbone, weights
            choices = ["resnet18", "pretrained"]
        values[name] = next(v for v in choices if v != before and allowed_value(section, name, v))
    return values


def allowed_value(section: BaseModel, name: str, value: Any) -> bool:
    try:
        type(section).model_validate({**section.model_dump(), name: value})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("rotates", [False, True])
def test_every_fork_has_a_network_that_its_checkpoint_fits_or_is_refused(
    trained: dict[bool, RunDirectory], rotates: bool
) -> None:
    """A fork that switched rotation on had a head that its checkpoint knows nothing of.

    Settings that the method of the run does not use are refused as well.
    """
    run = trained[rotates]
    config, store = run.config(), RunStore(run.path.parent)
    changes = [{"objective": {"rotation_weight": 0.0}}, {"objective": {"rotation_weight": 0.7}}]
    for name in ("model", "objective"):
        changes += [{name: {key: value}} for key, value in changed(getattr(config, name)).items()]
    refused, sentences = set(), set()
    for change in changes:
        try:
            copy = fork(store, run, "last", merge({"training": {"epochs": 2}}, change))
        except ConfigError as error:
            sentences.add(str(error).partition(": ")[2] or str(error).partition(";")[0])
            refused |= {f"{section}.{key}" for section, values in change.items() for key in values}
            continue
        network = Objective(copy.config(), (0.5,) * 3, (0.5,) * 3).network()
        weights = torch.load(copy.checkpoint("last").path, weights_only=True)["state_dict"]
        network.load_state_dict({key.removeprefix("network."): value for key, value in weights.items()})
    method = config.objective.method
    unused = {
        spec.path: spec.title
        for spec in fields()
        if not is_used(spec, method) and spec.section == "Objective"
    }
    expected = {f"{title} has no effect on {method}" for title in unused.values()}
    if rotates:
        expected.add("Rotation weight is 0")
    assert sentences == expected | {"the checkpoint would not fit; start a new run instead."}
    model = {f"model.{key}" for key in type(config.model).model_fields}
    assert refused == model | set(unused) | {"objective.method"} | (
        {"objective.rotation_weight"} if rotates else set()
    )
    assert config.objective.rotation_weight == 0.4 * rotates


def test_the_weight_of_a_task_may_change_while_there_is_one(trained: dict[bool, RunDirectory]) -> None:
    run = trained[True]
    changes = {"objective": {"rotation_weight": 0.1}, "training": {"epochs": 2}}
    copy = fork(RunStore(run.path.parent), run, "last", changes)
    announce(copy)
    assert worker.train(copy) == 0
    assert copy.status().epoch == 2
