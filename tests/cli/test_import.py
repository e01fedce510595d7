"""`simsiam import`: what a person sees of a file, the run it becomes, and one sentence for what is no network."""

from __future__ import annotations

import argparse
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from simsiam_core.cli import main
from simsiam_core.config import ModelConfig
from simsiam_core.jobs import extend
from simsiam_core.model import build_backbone, load_encoder
from simsiam_core.model.foreign.reading import MAX_BYTES
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.archive import write_archive

LONG = "of_a_program_that_gives_its_files_long_names"
WEIGHTS = build_backbone(ModelConfig(backbone="resnet10", stem="cifar", width=8)).state_dict()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def only_run(folder: Path) -> RunDirectory:
    (run,) = RunStore(folder).runs()
    return run


def test_a_file_becomes_a_read_only_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = {
        "model": {f"module.{n}": v for n, v in WEIGHTS.items()},
        "epoch": 12,
        "fc.weight": torch.ones(3, 64),
    }
    torch.save(saved, "mine.pth")
    command = ["import", "mine.pth", "--stem", "cifar", "--mean", "0.5", "--std", "0.2,0.3,0.4"]
    assert main([*command, "--dry-run"]) == 0
    assert not (here / "runs").exists()
    assert main([*command, "--data.path", str(here)]) == 0
    out = capsys.readouterr().out
    assert "resnet10, stem cifar, width 8, 64 features" in out
    assert "60 of 60 tensors under 'model.module', epoch 12" in out
    assert "1 tensors: fc.weight" in out
    assert "mean 0.5, 0.5, 0.5, std 0.2, 0.3, 0.4 (as given)" in out
    run = only_run(here / "runs")
    assert out.splitlines()[-1].split() == ["Run", run.id]
    assert run.status().state == "finished"
    assert [c.name for c in run.checkpoints()] == ["epoch=0012", "last"]
    assert (run.config().data.source, run.config().data.path) == ("folder", str(here))
    encoder = load_encoder(run.checkpoint().path)
    assert torch.equal(encoder.backbone.state_dict()["conv1.weight"], WEIGHTS["conv1.weight"])
    assert (encoder.epoch, encoder.std) == (12, (0.2, 0.3, 0.4))
    assert "sha256" in run.notes().text
    with pytest.raises(RunError, match="imported and is read-only"):
        extend(run, 100)


def test_equal_fits_must_be_told_apart(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stems `cifar` and `stride2` have equal shapes."""
    torch.save(WEIGHTS, "mine.pth")
    assert main(["import", "mine.pth"]) == 2
    assert "fits 3 networks equally" in (error := capsys.readouterr().err)
    assert "name the one it was with --stem: cifar, cifar-padded, stride2." in error
    assert not (here / "runs").exists()
    assert main(["import", "mine.pth", "--stem", "stride2"]) == 0
    assert only_run(here / "runs").config().model.stem == "stride2"


def test_several_files_are_one_training(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for epoch in (10, 2):
        torch.save({n: v + epoch for n, v in WEIGHTS.items()}, f"{LONG}_checkpoint_{epoch:04d}.pth.tar")
    assert (
        main(
            [
                "import",
                f"{LONG}_checkpoint_0010.pth.tar",
                f"{LONG}_checkpoint_0002.pth.tar",
                "--stem",
                "cifar",
                "--json",
            ]
        )
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert [file["epoch"] for file in told["files"]] == [2, 10]
    run = only_run(here / "runs")
    assert told["run"] == run.id
    assert [c.name for c in run.checkpoints()] == ["epoch=0002", "epoch=0010", "last"]
    shift = [load_encoder(c.path).backbone.state_dict()["bn1.running_mean"].mean() for c in run.checkpoints()]
    assert shift == [2, 10, 10]
    other = build_backbone(ModelConfig(backbone="resnet18", stem="cifar", width=8)).state_dict()
    torch.save(other, "other.pth")
    assert main(["import", f"{LONG}_checkpoint_0010.pth.tar", "other.pth", "--stem", "cifar"]) == 2
    assert "other.pth: The file does not fit resnet10" in capsys.readouterr().err


def test_an_own_checkpoint_brings_its_recipe(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(WEIGHTS, "mine.pth")
    assert main(["import", "mine.pth", "--stem", "stride2", "--mean", "0.1", "--image-size", "48"]) == 0
    first = only_run(here / "runs")
    assert main(["import", str(first.checkpoint().path), "--save-dir", "other"]) == 0
    again = only_run(here / "other").config()
    assert (again.model, again.data.image_size) == (first.config().model, 48)
    assert "mean 0.1, 0.1, 0.1" in capsys.readouterr().out.partition("Run")[2]


def test_an_archive_comes_back_whole(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(WEIGHTS, "mine.pth")
    assert main(["import", "mine.pth", "--stem", "cifar"]) == 0
    run = only_run(here / "runs")
    write_archive(run, here / "run.zip")
    assert main(["import", "run.zip", "--save-dir", "other", "--name", "mine", "--stem", "cifar"]) == 2
    assert "as it was; leave out --stem, --name" in capsys.readouterr().err
    assert main(["import", "run.zip", "--save-dir", "other"]) == 0
    assert only_run(here / "other").id == run.id
    assert only_run(here / "other").read_only


def test_a_namespace_is_read_past(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = {"state_dict": WEIGHTS, "hyper_parameters": argparse.Namespace(lr=0.1, depth=10)}
    for name, modern in (("new.ckpt", True), ("old.ckpt", False)):
        torch.save(content, name, _use_new_zipfile_serialization=modern)
        assert main(["import", name, "--stem", "cifar", "--dry-run"]) == 0
        assert "objects of argparse.Namespace" in capsys.readouterr().out


class _Hostile:
    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._call


def _truncated(path: Path) -> None:
    torch.save(WEIGHTS, path)
    path.write_bytes(path.read_bytes()[:-2000])


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10 * 10**9)
    assert path.stat().st_size > MAX_BYTES


def _saved(content: object) -> Callable[[Path], None]:
    return lambda path: torch.save(content, path)


def _with(name: str, value: torch.Tensor) -> Callable[[Path], None]:
    return _saved({**WEIGHTS, name: value})


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda p: p.write_text("hello"), "file.pth is no checkpoint"),
    "nothing": (lambda p: p.touch(), "is empty"),
    "absent": (lambda p: None, "cannot be read: No such file"),
    "folder": (lambda p: p.mkdir(), "is a folder"),
    "pointer": (lambda p: p.write_text("version https://git-lfs.github.com/spec/v1"), "Git LFS pointer"),
    "truncated": (_truncated, "is truncated or damaged"),
    "a pickle": (lambda p: p.write_bytes(pickle.dumps({"a": 1}, 2)), "no checkpoint"),
    "10 GB": (_large, "has 9.3 GB; files up to 8 GB are read"),
    "an empty dict": (_saved({}), "holds no tensors"),
    "hostile": (
        _saved({"w": WEIGHTS, "x": _Hostile(exec, "open('owned', 'w')")}),
        "asks to call builtins.exec",
    ),
    "hostile and old": (
        lambda p: torch.save(_Hostile(exec, "open('owned', 'w')"), p, _use_new_zipfile_serialization=False),
        "asks to call builtins.exec",
    ),
    "hostile and bare": (
        lambda p: p.write_bytes(pickle.dumps(_Hostile(exec, "open('owned', 'w')"), 4)),
        "asks to call builtins.exec",
    ),
    "a program": (
        lambda p: torch.jit.save(torch.jit.trace(torch.nn.ReLU(), torch.ones(1)), p),
        "is a TorchScript program",
    ),
    "another network": (_saved(torch.nn.Linear(4, 4).state_dict()), "none of the networks known here fits"),
    "a missing tensor": (
        _saved({n: v for n, v in WEIGHTS.items() if n != "layer3.0.bn2.bias"}),
        "nearest is resnet10, stem cifar, width 8 (59 of 60 tensors match, not layer3.0.bn2.bias)",
    ),
    "NaN": (_with("bn1.bias", torch.full((8,), torch.nan)), "bn1.bias holds values that are no numbers"),
    "meta": (_with("bn1.bias", torch.empty(8, device="meta")), "bn1.bias is a meta tensor"),
    "int8": (_with("conv1.weight", torch.ones(8, 3, 3, 3, dtype=torch.int8)), "quantised (int8)"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_get_a_sentence_and_leave_nothing(
    here: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write, sentence = BAD[kind]
    write(here / "file.pth")
    assert main(["import", "file.pth", "--stem", "cifar"]) == 2
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert error.count("\n") == 0
    assert not (here / "runs").exists()
    assert not (here / "owned").exists()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            ["--backbone", "resnet18"],
            "does not fit resnet18, stem cifar, width 8: it lacks layer1.1.conv1.weight",
        ),
        (["--backbone", "timm:no_such"], "no_such"),
        (["--by-order"], "name it as well"),
        (["--mean", "123,116,103"], "scale 0 to 1"),
        (["--std", "0"], "must be larger"),
        (["--image-size", "1000"], "Image size is 1000"),
        (["--data.source", "folder"], "Folder or file is empty"),
        (["--network", "teacher"], "no network 'teacher'"),
    ],
)
def test_what_cannot_be_wished_is_said(
    here: Path, flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(WEIGHTS, "mine.pth")
    assert main(["import", "mine.pth", "--stem", "cifar", *flags]) == 2
    assert sentence in capsys.readouterr().err
    assert not list((here / "runs").glob("*"))
