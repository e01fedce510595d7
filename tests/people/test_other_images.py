"""People add, remove, move and copy images while a run is paused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from tiny import tiny

from simsiam_core.cli import main
from simsiam_core.cli.train import announce
from simsiam_core.config import ConfigError
from simsiam_core.data import load
from simsiam_core.jobs import fork, resume
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.header import RECIPE
from simsiam_core.training.resume import newest
from simsiam_core.training.same_images import check_same_images, image_list
from simsiam_core.training.schedule import lr_factor
from simsiam_core.training.worker import train

BATCH, PAUSED_AT, EPOCHS = 5, 5, 4


class PauseAt(pl.Callback):
    def __init__(self, request: StopRequest, step: int) -> None:
        self._wish, self._step = request, step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self._step:
            self._wish.state = "paused"


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def images(folder: Path) -> Path:
    """Three steps an epoch: 16 images to train on in two classes, and 4 to test with."""
    for number in range(20):
        part, kind = "test" if number >= 16 else "train", ("cat", "dog")[number % 2]
        draw(folder / part / kind / f"{number:02d}.png", number)
    return folder


def trained(run: RunDirectory, pause_at: int | None = None) -> RunDirectory:
    announce(run)
    request = StopRequest()
    train(run, () if pause_at is None else (PauseAt(request, pause_at),), request)
    return run


@pytest.fixture(scope="module")
def paused(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run on a folder, paused in its second epoch."""
    folder = tmp_path_factory.mktemp("paused")
    data = {
        "source": "folder",
        "path": str(images(folder / "pics")),
        "train_limit": None,
        "test_limit": None,
    }
    config = tiny(
        data=data,
        training={"epochs": EPOCHS, "batch_size": BATCH},
        knn={"k": 3, "knn_every": 1000},
        checkpoints={"checkpoint_every": 1},
    )
    run = trained(RunStore(folder / "runs").create(config), PAUSED_AT)
    assert (run.status().state, run.status().step, run.status().total_steps) == ("paused", 5, 12)
    return run


@pytest.fixture
def mine(paused: RunDirectory, tmp_path: Path) -> RunDirectory:
    """A copy of it and of its images, as people make: with other paths and other file times."""
    shutil.copytree(paused.config().data.path or "", tmp_path / "moved", copy_function=shutil.copy)
    shutil.copytree(paused.path, tmp_path / "runs" / paused.id, copy_function=shutil.copy)
    run = RunStore(tmp_path / "runs").get(paused.id)
    data = run.config().data.model_copy(update={"path": str(tmp_path / "moved")})
    run.write_config(run.config().model_copy(update={"data": data}))
    return RunDirectory(run.path)


def images_of(run: RunDirectory) -> Path:
    return Path(run.config().data.path or "")


def complaint(run: RunDirectory) -> str:
    """What a resume would say, without training; empty if nothing."""
    found, dataset = newest(run), load(run.config().data)
    assert found is not None
    try:
        check_same_images(run, found, run.config(), dataset, image_list(run.config(), dataset))
    except ConfigError as error:
        return str(error)
    return ""


def test_a_moved_and_copied_folder_is_the_same_and_a_changed_one_is_told(mine: RunDirectory) -> None:
    """Kind: images added, removed or changed between pause and resume."""
    folder = images_of(mine) / "train"
    assert complaint(mine) == ""
    (folder / "cat" / "00.png").touch()
    assert complaint(mine) == ""
    for number in range(4):
        draw(folder / "dog" / f"new{number}.png", 100 + number)
    assert (
        "4 were added (train/dog/new0.png, train/dog/new1.png, train/dog/new2.png and 1 more)"
        in complaint(mine)
    )
    for number in range(4):
        (folder / "dog" / f"new{number}.png").unlink()
    assert complaint(mine) == ""
    draw(folder / "cat" / "02.png", 999)
    assert "1 was changed (train/cat/02.png)" in complaint(mine)
    (folder / "cat" / "02.png").unlink()
    assert "1 was removed (train/cat/02.png)" in complaint(mine)
    draw(folder / "cat" / "02.png", 2)
    assert complaint(mine) == ""
    draw(folder / "fox" / "1.png", 7)
    assert "a class is new (fox)" in complaint(mine)
    assert f"runs fork {mine.id} --new-data" in complaint(mine)


def test_a_run_made_before_is_compared_by_what_its_checkpoints_say(mine: RunDirectory) -> None:
    """Kind: the same, for runs whose checkpoints carry no fingerprint."""
    mine.images_path.unlink()
    for checkpoint in mine.checkpoints():
        content = torch.load(checkpoint.path, weights_only=True)
        del content[RECIPE]["images"]
        torch.save(content, checkpoint.path)
    folder = images_of(mine) / "train"
    assert complaint(mine) == ""
    draw(folder / "cat" / "02.png", 999)
    assert "the mean of their channels was" in complaint(mine)
    draw(folder / "fox" / "1.png", 7)
    assert "a class is new (fox)" in complaint(mine)
    shutil.rmtree(folder / "fox")
    for number in range(24):
        draw(folder / "dog" / f"new{number}.png", 100 + number)
    assert "they are not as many; there are 40 for training now" in complaint(mine)


def test_changed_images_are_refused_and_a_fork_goes_on_with_them(mine: RunDirectory, capsys: Any) -> None:
    """Kind: the rate jumps, and the run is 'finished' at another step than its last checkpoint."""
    for number in range(6):
        draw(images_of(mine) / "train" / "dog" / f"new{number}.png", 100 + number)
    record = mine.metrics()
    resume(mine)
    trained(mine)
    assert mine.status().state == "failed"
    assert "6 were added" in (mine.status().error or "")
    assert mine.status().exit_code == 2
    assert mine.metrics() == record

    assert main(["runs", "fork", str(mine.path), "--new-data"]) == 0
    copy = RunStore(mine.path.parent).get(capsys.readouterr().out.split()[-13])
    trained(copy)
    # One epoch of three steps and two steps of the second, then three epochs of four: 22 images, 5 a step.
    status, last = copy.status(), copy.checkpoint("last").header()
    assert (status.state, status.step, status.total_steps, status.error) == ("finished", 17, 17, None)
    assert last is not None
    assert (last.step, last.epoch) == (17, EPOCHS)
    assert [c.name for c in copy.checkpoints()] == [f"epoch={n:04d}" for n in range(5)] + ["last"]
    lines = [line for line in copy.metrics() if "train/loss" in line]
    assert [line["step"] for line in lines] == list(range(1, 18))
    assert [line["epoch"] for line in lines] == [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4]
    rates = [line["train/lr"] for line in lines[PAUSED_AT:]]
    schedule = {"warmup_steps": 4, "total_steps": 16}
    assert rates == pytest.approx([copy.config().lr * lr_factor(4 + n, **schedule) for n in range(12)])


def test_a_fork_onto_new_images_is_paused_and_resumed_like_any_run(mine: RunDirectory) -> None:
    """Kind: a second thought after the second thought."""
    draw(images_of(mine) / "train" / "dog" / "new.png", 100)
    for number in range(6):
        draw(images_of(mine) / "train" / "cat" / f"new{number}.png", 200 + number)
    copy = trained(fork(RunStore(mine.path.parent), mine, "last", {}, new_images=True), pause_at=11)
    assert copy.status().state == "paused"
    assert complaint(copy) == ""
    resume(copy)
    trained(copy)
    assert (copy.status().state, copy.status().step) == ("finished", 17)
    again = fork(RunStore(mine.path.parent), copy, "epoch=0003", {"training": {"epochs": 5}})
    assert again.status().total_steps == 21
    trained(again)
    assert (again.status().state, again.status().step) == ("finished", 21)


def test_a_copied_run_goes_on_from_its_newest_step_whatever_its_file_times(mine: RunDirectory) -> None:
    """Kind: the newest checkpoint by file time; a touched or copied run loses what was measured later."""
    for age, checkpoint in enumerate(mine.checkpoints()):
        os.utime(checkpoint.path, (1e9 - age, 1e9 - age))
    found = newest(mine)
    assert found is not None
    assert (found.name, found.step) == ("last", PAUSED_AT)


def test_what_is_cut_from_a_record_is_kept_beside_it(mine: RunDirectory) -> None:
    """Kind: going back to an older checkpoint erases metric lines."""
    before = mine.metrics_path.read_bytes().splitlines()
    mine.checkpoint("last").path.unlink()
    with mine.metrics_path.open("ab") as file:
        file.write(b'{"step":6,"epo')
    resume(mine)
    trained(mine, pause_at=4)
    cut = (mine.path / "metrics.cut.jsonl").read_bytes().splitlines()
    kept = len(before) + 1 - len(cut)
    assert cut == [*before[kept:], b'{"step":6,"epo']
    assert min(json.loads(line)["step"] for line in cut[:-1]) > max(
        json.loads(line)["step"] for line in before[:kept]
    )
    assert mine.metrics_path.read_bytes().splitlines()[:kept] == before[:kept]
