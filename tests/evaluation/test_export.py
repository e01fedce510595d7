"""Each format is written, loaded back by those it is for, and gives equal features."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny

from simsiam_core.bench.untrained import untrained
from simsiam_core.config import ConfigError
from simsiam_core.evaluation.export import description, export_backbone, export_features
from simsiam_core.features.bank import load_bank
from simsiam_core.model import Encoder, ResNet, load_encoder
from simsiam_core.runs import RunDirectory, RunStore

IMAGES = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def expected(trained: RunDirectory) -> torch.Tensor:
    with torch.no_grad():
        return load_encoder(trained.checkpoint().path).backbone(IMAGES)


def test_safetensors(trained: RunDirectory, expected: torch.Tensor, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    beside = export_backbone(trained.checkpoint(), "safetensors", tmp_path / "b.safetensors")
    plain = json.loads(beside.read_text())
    backbone = ResNet(*plain["architecture"].values())
    backbone.load_state_dict(safetensors.load_file(tmp_path / "b.safetensors"))
    torch.testing.assert_close(backbone.eval()(IMAGES), expected, rtol=0, atol=1e-4)
    assert plain["preprocessing"]["image_size"] == 16 and len(plain["classes"]) == 10


def test_torchscript(trained: RunDirectory, expected: torch.Tensor, tmp_path: Path) -> None:
    export_backbone(trained.checkpoint(), "torchscript", tmp_path / "b.pt")
    torch.testing.assert_close(torch.jit.load(tmp_path / "b.pt")(IMAGES), expected, rtol=0, atol=1e-4)


def test_torch_export(trained: RunDirectory, expected: torch.Tensor, tmp_path: Path) -> None:
    export_backbone(trained.checkpoint(), "torch", tmp_path / "b.pt2")
    program = torch.export.load(tmp_path / "b.pt2").module()
    torch.testing.assert_close(program(IMAGES), expected, rtol=0, atol=1e-4)


def test_onnx(trained: RunDirectory, expected: torch.Tensor, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    export_backbone(trained.checkpoint(), "onnx", tmp_path / "b.onnx")
    session = runtime.InferenceSession(tmp_path / "b.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: IMAGES.numpy()})
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_a_standard_resnet18_takes_the_weights(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The three lines of the documentation, read from there: torchvision's network with the CIFAR stem."""
    pytest.importorskip("safetensors.torch")
    import torchvision

    run = untrained(store, tiny(model={"backbone": "resnet18", "stem": "cifar", "width": 64}))
    checkpoint = run.checkpoint("epoch=0000")
    export_backbone(checkpoint, "safetensors", tmp_path / "backbone.safetensors")
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(net = torchvision.*?)```", page, re.DOTALL)
    assert len(snippet.splitlines()) == 3
    monkeypatch.chdir(tmp_path)
    import safetensors.torch

    names = {"nn": torch.nn, "torchvision": torchvision, "safetensors": safetensors}
    exec(snippet, names)
    with torch.no_grad():
        ours = load_encoder(checkpoint.path).backbone(IMAGES)
        torch.testing.assert_close(names["net"].eval()(IMAGES), ours, rtol=0, atol=1e-4)


@pytest.mark.parametrize("format", ["npz", "parquet"])
def test_features(trained: RunDirectory, tmp_path: Path, format: str) -> None:
    out, bank = tmp_path / f"features.{format}", load_bank(trained, trained.checkpoint(), "test")
    if format == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
    assert export_features(trained, trained.checkpoint(), "test", format, out) == len(bank) == 20
    if format == "npz":
        with np.load(out) as stored:
            ids, labels, features = stored["ids"].tolist(), stored["labels"].tolist(), stored["features"]
    else:
        table = parquet.read_table(out)
        ids, labels = table["id"].to_pylist(), table["label"].to_pylist()
        features = np.array(table["features"].to_pylist(), dtype=np.float32)
    assert tuple(ids) == bank.ids
    assert labels == [bank.classes[i] for i in bank.labels.tolist()]
    np.testing.assert_array_equal(features, bank.features.numpy())


def test_an_unknown_format_is_a_sentence(trained: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no format 'keras'"):
        export_backbone(trained.checkpoint(), "keras", tmp_path / "b")


def test_the_description_names_what_rebuilds_the_network(trained: RunDirectory) -> None:
    encoder: Encoder = load_encoder(trained.checkpoint().path)
    plain = description(encoder, "onnx")
    assert plain["architecture"] == {"backbone": "resnet10", "stem": "stride2", "width": 8}
    assert plain["feature_dim"] == 64 and plain["epochs_trained"] == 3
