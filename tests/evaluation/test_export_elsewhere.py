"""Exports that other libraries load unchanged, and the model card beside every export."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tiny import tiny

from simsiam_core.bench.untrained import untrained
from simsiam_core.cli import main
from simsiam_core.config import ModelConfig
from simsiam_core.evaluation.worker import evaluate
from simsiam_core.model import build_backbone, load_encoder
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.evaluations import create_evaluation

SIZE = 32
IMAGES = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
RESNET18 = {"backbone": "resnet18", "stem": "imagenet", "width": 64}


def made(folder: Path, **model: object) -> RunDirectory:
    data = {"image_size": SIZE}
    return untrained(RunStore(folder / "runs"), tiny(model=model, data=data))


def features(run: RunDirectory) -> torch.Tensor:
    with torch.no_grad():
        return load_encoder(run.checkpoint("epoch=0000").path).backbone(IMAGES)


def export(run: RunDirectory, format: str, out: Path, *more: str) -> int:
    return main(
        ["export", str(run.path), "--checkpoint", "epoch=0000", "--format", format, "--out", str(out), *more]
    )


def loaded_as_the_card_says(card: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """The network that the card's Python lines load, run in the folder of the export."""
    import timm
    import torchvision

    (code,) = re.findall(r"```python\n(.*?)```", card.read_text(encoding="utf-8"), re.DOTALL)
    names = {"torch": torch, "torchvision": torchvision, "timm": timm}
    exec(code, names)
    return names["net"]  # type: ignore[return-value]


@pytest.mark.parametrize("model", [RESNET18, {"backbone": "timm:test_vit"}], ids=str)
def test_timm_loads_its_folder(model: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    run = made(tmp_path, **model)
    monkeypatch.chdir(tmp_path)
    assert export(run, "timm", tmp_path / "net") == 0
    about = json.loads((tmp_path / "net" / "config.json").read_text())
    net = loaded_as_the_card_says(tmp_path / "net" / "README.md", monkeypatch)
    weights = str(tmp_path / "net" / "model.safetensors")
    arguments = {"num_classes": 0, **about["model_args"]}
    again = timm.create_model(about["architecture"], checkpoint_path=weights, **arguments).eval()
    with torch.no_grad():
        for network in (net, again):
            torch.testing.assert_close(network(IMAGES), features(run), rtol=0, atol=1e-5)
    assert (
        list(net.pretrained_cfg["input_size"]) == [3, SIZE, SIZE]
        and net.num_features == about["num_features"]
    )


@pytest.mark.parametrize(
    "model",
    [{"backbone": "torchvision:mobilenet_v3_small"}, {"backbone": "timm:resnet18"}],
    ids=str,
)
def test_torchvision_loads_its_file(model: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    run = made(tmp_path, **model)
    monkeypatch.chdir(tmp_path)
    assert export(run, "torchvision", tmp_path / "net.pth") == 0
    net = loaded_as_the_card_says(tmp_path / "net.pth.md", monkeypatch)
    with torch.no_grad():
        torch.testing.assert_close(net(IMAGES), features(run), rtol=0, atol=1e-5)
    name = str(model["backbone"]).rpartition(":")[2]
    rest = torchvision.models.get_model(name).load_state_dict(torch.load("net.pth"), strict=False)
    assert not rest.unexpected_keys and len(rest.missing_keys) == 2, "only the classifier is not in the file"


def test_a_network_that_others_do_not_have_is_refused(
    trained: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for format in ("timm", "torchvision"):
        assert main(["export", str(trained.path), "--format", format, "--out", str(tmp_path / "net")]) == 2
        assert f"{format} has no network that equals resnet10 (stem stride2" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_transformers_are_exported_to_onnx_and_torchscript(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    run = made(tmp_path, backbone="timm:test_vit")
    assert export(run, "onnx", tmp_path / "net.onnx") == export(run, "torchscript", tmp_path / "net.pt") == 0
    session = runtime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: IMAGES.numpy()})
    np.testing.assert_allclose(found, features(run).numpy(), atol=1e-5)
    torch.testing.assert_close(torch.jit.load(tmp_path / "net.pt")(IMAGES), features(run), rtol=0, atol=1e-5)


def front_of(card: Path) -> dict:
    return yaml.safe_load(card.read_text(encoding="utf-8").split("---\n")[1])


def test_the_card_names_figures_licence_and_recipe(
    trained: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    job = create_evaluation(trained, {"kind": "linear", "epochs": 2})
    assert evaluate(job) == 0
    out = tmp_path / "net.safetensors"
    command = ["export", str(trained.path), "--format", "safetensors", "--out", str(out)]
    assert main(command) == 0
    card = tmp_path / "net.safetensors.md"
    assert str(card) in capsys.readouterr().out
    front, text = front_of(card), card.read_text(encoding="utf-8")
    assert front["license"] == "unknown" and "datasets" not in front, "textures are no data set of the Hub"
    metrics = {m["name"]: m["value"] for m in front["model-index"][0]["results"][0]["metrics"]}
    measured = [line["val/knn_accuracy"] for line in trained.metrics() if "val/knn_accuracy" in line][-1]
    during = "kNN accuracy (k 5, T 0.1; test, measured during training)"
    assert metrics[during] == pytest.approx(measured)
    result = job.result()
    assert result is not None
    linear = [
        name for name in metrics if name.startswith("Linear accuracy (features cached, epochs 2, seed 0")
    ]
    assert metrics[linear[0]] == pytest.approx(result["figures"]["linear/accuracy"])
    assert f"| Linear accuracy | {100 * result['figures']['linear/accuracy']:.1f} % |" in text
    assert "3 epochs" in text and "base_lr: 0.2" in text and trained.id in text
    assert "```bibtex\n@inproceedings{simsiam," in text

    assert main([*command, "--licence", "cc-by-4.0"]) == 0
    assert front_of(card)["license"] == "cc-by-4.0"


def test_features_have_a_card_too(trained: RunDirectory, tmp_path: Path) -> None:
    out = tmp_path / "features.npz"
    assert main(["export", str(trained.path), "--format", "npz", "--split", "test", "--out", str(out)]) == 0
    text = (tmp_path / "features.npz.md").read_text(encoding="utf-8")
    assert 'numpy.load("features.npz")' in text and "already divided by the l2 norm" in text


def test_the_card_of_an_imported_network_claims_no_training(tmp_path: Path) -> None:
    weights = build_backbone(ModelConfig(backbone="resnet10", width=8)).state_dict()
    torch.save(weights, tmp_path / "theirs.pth")
    save = ["--save-dir", str(tmp_path / "runs")]
    assert main(["import", str(tmp_path / "theirs.pth"), "--stem", "stride2", *save]) == 0
    (run,) = RunStore(tmp_path / "runs").runs()
    assert main(["export", run.id, "--format", "torch", "--out", str(tmp_path / "net.pt"), *save]) == 0
    text = (tmp_path / "net.pt.md").read_text(encoding="utf-8")
    assert "trained by another program and imported from `theirs.pth` (sha256 `" in text
    assert "trained with" not in text and "base_lr" not in text and "textures" not in text
    assert "bibtex" not in text


def test_no_file_of_a_person_is_overwritten(
    trained: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "b.pt.md").write_text("my notes")
    command = ["export", str(trained.path), "--format", "torchscript", "--out", str(tmp_path / "b.pt")]
    assert main(command) == 0 and (tmp_path / "b.pt.md").read_text() == "my notes"
    assert "b.pt.md is kept" in capsys.readouterr().out
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "README.md").write_text("mine")
    command = ["export", str(trained.path), "--format", "bundle", "--out", str(tmp_path / "bundle")]
    assert main(command) == 0 and (tmp_path / "bundle" / "README.md").read_text() == "mine"
    assert front_of(tmp_path / "bundle" / "MODEL_CARD.md")["library_name"] == "pytorch"
