"""What the page hands out of a network: one file that can be used without this program."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from simsiam_core.config import ConfigError, read_yaml
from simsiam_core.evaluation.package import package
from simsiam_core.model import load_encoder
from simsiam_core.runs import RunDirectory


def test_a_package_holds_weights_card_config_and_papers(trained: RunDirectory, tmp_path: Path) -> None:
    made = package(trained.path, "epoch=0002", "safetensors", tmp_path / "out")
    name = f"{trained.id[16:]}-epoch-0002"
    assert made.path.name == f"{name}-safetensors.zip"
    assert made.usage == f'weights = safetensors.torch.load_file("{name}.safetensors")'
    with zipfile.ZipFile(made.path) as archive:
        files = {file.removeprefix(f"{name}/") for file in archive.namelist()}
        weights = load(archive.read(f"{name}/{name}.safetensors"))
        archive.extract(f"{name}/config.yaml", tmp_path)
    assert files == {
        *(f"{name}.safetensors{end}" for end in ("", ".json", ".md")),
        "config.yaml",
        "papers.bib",
    }
    ours = load_encoder(trained.checkpoint("epoch=0002").path).backbone.state_dict()
    assert all(torch.equal(weights[key], value) for key, value in ours.items())
    assert read_yaml(tmp_path / name / "config.yaml") == trained.config().model_dump(mode="json")


@pytest.mark.parametrize(
    ("format", "sentence"), [("keras", "no format 'keras'"), ("timm", "no network that equals")]
)
def test_what_cannot_be_packed_leaves_nothing(
    trained: RunDirectory, tmp_path: Path, format: str, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        package(trained.path, "last", format, tmp_path / "out")
    assert not (tmp_path / "out").exists()
