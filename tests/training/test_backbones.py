"""Networks of twelve families of timm train, resume to the last bit, and export."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from pausing import curve, trained
from tiny import tiny
from torch import nn

from simsiam_core.config import Config
from simsiam_core.config.sections.network import NAMED
from simsiam_core.evaluation.exporters import EXPORTERS
from simsiam_core.model import Encoder, build_backbone, load_encoder
from simsiam_core.model.checkpoint import read_checkpoint
from simsiam_core.runs import RunStore
from simsiam_core.training.pace import GREY

SIZE = 32


def config(name: str) -> Config:
    """Two steps of eight images."""
    return tiny(
        model={"backbone": name},
        data={"image_size": SIZE, "train_limit": 16, "test_limit": 10},
        training={"batch_size": 8, "epochs": 1},
        optimiser={"base_lr": 0.3},
    )


@pytest.mark.parametrize("name", NAMED)
def test_a_paused_run_is_the_uninterrupted_one_to_the_last_bit(store: RunStore, name: str) -> None:
    whole, paused = trained(store.create(config(name))), store.create(config(name))
    trained(paused, pause_at=1)
    assert paused.status().state == "paused"
    trained(paused)
    assert curve(paused) == curve(whole)
    ours, theirs = (read_checkpoint(run.checkpoint("last").path)["state_dict"] for run in (paused, whole))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in theirs)
    first = read_checkpoint(whole.checkpoint("epoch=0000").path)["state_dict"]
    learnt = [key for key in theirs if "weight" in key and not torch.equal(first[key], theirs[key])]
    assert any(key.startswith("network.backbone.") for key in learnt)
    encoder = load_encoder(whole.checkpoint("last").path)
    weights = encoder.backbone.state_dict()
    assert all(torch.equal(weights[key], theirs[f"network.backbone.{key}"]) for key in weights)


def shortened(network: nn.Module) -> None:
    """Drop blocks that are of the same kind and shapes as the one before: the operations stay, most layers go."""

    def signature(module: nn.Module) -> tuple:
        return type(module), tuple(tuple(parameter.shape) for parameter in module.parameters())

    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if not isinstance(child, (nn.Sequential, nn.ModuleList)):
                continue
            kept = [child[0]] if len(child) else []
            for before, block in itertools.pairwise(child):
                if signature(before) != signature(block) or not signature(block)[1]:
                    kept.append(block)
            setattr(
                parent,
                name,
                nn.Sequential(*kept) if isinstance(child, nn.Sequential) else nn.ModuleList(kept),
            )


@pytest.mark.parametrize("name", NAMED)
def test_it_is_exported(name: str, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    torch.manual_seed(0)
    backbone = build_backbone(config(name).model, SIZE).eval().requires_grad_(False)
    shortened(backbone)
    encoder = Encoder(backbone, config(name), *GREY, classes=(), epoch=0, step=0)
    images = torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    expected = backbone(images)

    def written(format: str) -> Path:
        path = tmp_path / format
        with path.open("wb") as file:
            EXPORTERS.get(format).write(encoder, file)
        return path

    weights = safetensors.load_file(written("safetensors"))
    state = backbone.state_dict()
    assert weights.keys() == state.keys() and all(torch.equal(weights[key], state[key]) for key in state)
    program = torch.jit.load(written("torchscript"))
    torch.testing.assert_close(program(images), expected, rtol=1e-4, atol=1e-5)
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(written("onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-4)
