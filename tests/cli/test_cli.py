from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import TINY

from simsiam_core.cli import main


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def tiny_yaml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(json.dumps(TINY))  # JSON is YAML
    return path


@pytest.fixture(scope="module")
def run_id(runs_dir: Path, tiny_yaml: Path) -> str:
    """A run trained by the command itself."""
    assert main(["train", "--config", str(tiny_yaml), "--epochs", "1", "--save-dir", str(runs_dir)]) == 0
    (run,) = runs_dir.iterdir()
    return run.name


def test_train_prints_the_id_first_and_what_it_measures(
    runs_dir: Path, tiny_yaml: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = runs_dir.parent / "printed"
    assert main(["train", "--config", str(tiny_yaml), "--epochs", "1", "--save-dir", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (folder / lines[0] / "config.yaml").exists()
    assert any(line.startswith("kNN on raw pixels: ") for line in lines)
    assert any(line.startswith("epoch 1 of 1: kNN accuracy ") for line in lines)


def test_flags_win_over_files_over_presets(
    tmp_path: Path, tiny_yaml: Path, capsys: pytest.CaptureFixture
) -> None:
    flags = ["--batch-size", "40", "--training.epochs", "1", "--no-flip-unknown"]
    with pytest.raises(SystemExit) as caught:
        main(["train", *flags])
    assert caught.value.code == 2
    assert "--no-flip-unknown" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["train", "--data.image_size", "32"])
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "Not understood: --data.image_size 32; did you mean --data.image-size?\n"
    )
    command = [
        "train",
        "--preset",
        "quick",
        "--config",
        str(tiny_yaml),
        *flags[:-1],
        "--save-dir",
        str(tmp_path),
    ]
    assert main([*command, "--json"]) == 0
    out = capsys.readouterr().out
    result = json.loads(out)
    assert result["state"] == "finished"
    assert result["steps"] == 2  # 80 images, 40 at a time
    assert 0 <= result["knn_accuracy"] <= 1


def test_runs_list_and_show(runs_dir: Path, run_id: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["runs", "list", "--save-dir", str(runs_dir), "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    assert (listed["run"], listed["state"], listed["progress"]) == (run_id, "finished", 1.0)
    assert main(["runs", "show", run_id[:12], "--save-dir", str(runs_dir), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["config"]["training"]["epochs"] == 1
    assert "val/knn_accuracy" in shown["metrics"]
    assert main(["runs", "list", "--save-dir", str(runs_dir)]) == 0
    assert run_id in capsys.readouterr().out
    assert main(["runs", "show", str(runs_dir / run_id)]) == 0
    assert "finished" in capsys.readouterr().out


def test_an_empty_folder_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["runs", "list", "--save-dir", str(tmp_path)]) == 0
    assert "train --preset quick" in capsys.readouterr().out


def test_stopping_a_finished_run_is_bad_input(
    runs_dir: Path, run_id: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["runs", "stop", run_id, "--save-dir", str(runs_dir)]) == 2
    assert "it is finished" in capsys.readouterr().err


def test_neighbours_of_an_image_and_of_an_image_of_the_data(
    runs_dir: Path, run_id: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    Image.effect_noise((60, 40), 40).save(tmp_path / "a.png")
    command = ["neighbours", run_id, "--save-dir", str(runs_dir), "-k", "3", "--json"]
    assert main([*command, "--image", str(tmp_path / "a.png")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["neighbours"]) == 3
    assert sum(v["share"] for v in answer["votes"]) == pytest.approx(1)
    assert main([*command, "--id", answer["neighbours"][0]["id"], "--checkpoint", "epoch=0000"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert answer["neighbours"][0]["id"] not in {n["id"] for n in again["neighbours"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--batch-size", "0"], "Batch size"),
        (["train", "--batch-size", "5000", "--source", "textures"], "4000"),
        (["train", "--source", "imagenet"], "one of textures"),
        (["train", "--source", "folder", "--path", "/no/such/folder"], "/no/such/folder"),
        (["train", "--preset", "nope"], "starting-point"),
        (["train", "--method", "moco"], "one of simsiam, e_simsiam, barlow_twins, byol, simclr, vicreg"),
        (["train", "--method", "byol", "--variance-weight", "1"], "Variance weight has no effect on byol"),
        (["train", "--config", "/no/such.yaml"], "Cannot read"),
        (["runs", "show", "nope"], "no run 'nope'"),
        (["neighbours", "RUN", "--image", "/no/such.png"], "Cannot read /no/such.png"),
        (["neighbours", "RUN", "--image", "NOT A IMAGE"], "image"),
        (["neighbours", "RUN", "--id", "nope"], "'nope'"),
        (["neighbours", "RUN", "--id", "x", "--checkpoint", "epoch=9"], "there are: epoch=0000"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    words: str,
    runs_dir: Path,
    run_id: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    (tmp_path / "text.png").write_text("not an image")
    places = {"RUN": run_id, "NOT A IMAGE": str(tmp_path / "text.png")}
    before = sorted(runs_dir.iterdir())
    assert main([*(places.get(a, a) for a in arguments), "--save-dir", str(runs_dir)]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert sorted(runs_dir.iterdir()) == before, "a run that cannot start must not be left behind"


def test_a_corrupt_checkpoint_is_named(
    runs_dir: Path, run_id: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    Image.new("RGB", (20, 20), "grey").save(tmp_path / "a.png")
    broken = runs_dir / run_id / "checkpoints" / "epoch=0009.ckpt"
    torch.save({"weights": 1}, broken)
    command = ["neighbours", run_id, "--save-dir", str(runs_dir), "--checkpoint", "epoch=0009"]
    command += ["--image", str(tmp_path / "a.png")]
    assert main(command) == 2
    assert "epoch=0009" in capsys.readouterr().err
    broken.write_bytes(b"PK\x03\x04 no zip")
    assert main(command) == 2
    assert "damaged" in capsys.readouterr().err
    broken.unlink()
