"""`backbones`: networks by name, with what they cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simsiam_core.cli import main
from simsiam_core.cli.backbones import WITH_FIGURES
from simsiam_core.config.sections.network import NAMED, RESNETS


def test_the_whole_list_begins_with_what_was_tried(capsys: pytest.CaptureFixture) -> None:
    assert main(["backbones"]) == 0
    *names, empty, note = capsys.readouterr().out.splitlines()
    assert tuple(names[: len(RESNETS) + len(NAMED)]) == (*RESNETS, *NAMED)
    assert len(set(names)) == len(names) > 1000 and empty == ""
    assert note.startswith(f"{len(names):,} networks; up to {WITH_FIGURES} are shown with parameters")


def test_those_asked_for_are_shown_with_figures(capsys: pytest.CaptureFixture) -> None:
    assert main(["backbones", "timm:deit_tiny_*", "--image-size", "64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["image_size"] == 64
    assert found["backbones"][0] == {
        "name": "timm:deit_tiny_patch16_224",
        "parameters": 5_489_856,
        "macs": pytest.approx(94e6, rel=0.01),
        "feature_dim": 192,
    }
    assert main(["backbones", "deit_tiny", "--image-size", "50"]) == 0
    _, line, _ = capsys.readouterr().out.splitlines()
    assert "cannot take images of 50 px; choose a multiple of 16 px, such as 48 or 64 px." in line


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["vit_tiny_patch16_2244"], "No network's name matches 'vit_tiny_patch16_2244'; did you mean "),
        (["--image-size", "9999"], "Image size is 9999; it must be a whole number from 8 to 512"),
    ],
)
def test_bad_input_is_a_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["backbones", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_network_that_cannot_be_trained_leaves_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "runs"
    command = ["train", "--backbone", "timm:vit_tiny_patch16_224", "--image-size", "50"]
    assert main([*command, "--save-dir", str(folder)]) == 2
    assert "choose a multiple of 16 px, such as 48 or 64 px (data.image_size)." in capsys.readouterr().err
    assert not folder.exists()
