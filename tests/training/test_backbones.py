"""Networks of twelve families of timm train, resume to the last bit, and export."""

from __future__ import annotations

import itertools
from io import BytesIO
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
from simsiam_core.model import Encoder, SimSiam, build_backbone, load_encoder
from simsiam_core.model.checkpoint import read_checkpoint
from simsiam_core.runs import RunStore
from simsiam_core.training.module import seed_global_generators
from simsiam_core.training.objective import Objective
from simsiam_core.training.pace import GREY

SIZE = 32
# Written as ONNX here, which takes seconds of each: the kinds of layers that the other six are made of, too.
ONNX = (
    "timm:convnext_atto",
    "timm:mobilenetv3_small_100",
    "timm:vit_tiny_patch16_224",
    "timm:fasternet_t1",
    "timm:mobilevit_xxs",
    "timm:xcit_nano_12_p16_224",
)
# Through the whole program: stochastic depth, dropout, tokens, and a network that normalises nothing.
WHOLE = (
    "timm:fasternet_t1",
    "timm:maxvit_rmlp_pico_rw_256",
    "timm:vit_tiny_patch16_224",
    "timm:nf_regnet_b0",
)


def config(name: str) -> Config:
    """Two steps of eight images."""
    return tiny(
        model={"backbone": name},
        data={"image_size": SIZE, "train_limit": 16, "test_limit": 10},
        training={"batch_size": 8, "epochs": 1},
        optimiser={"base_lr": 0.3},
    )


@pytest.mark.parametrize("name", WHOLE)
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


def step(objective: Objective, network: SimSiam, optimiser: torch.optim.Optimizer, number: int) -> None:
    """One step as the module makes it: all draws are functions of the step."""
    draws = torch.Generator().manual_seed(number)
    images = torch.randint(0, 256, (8, 3, SIZE, SIZE), dtype=torch.uint8, generator=draws)
    seed_global_generators(0, number, 0, torch.device("cpu"))
    loss = objective.losses(network, objective.views(images, draws)).total
    optimiser.zero_grad()
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    optimiser.step()


@pytest.mark.parametrize("name", [name for name in NAMED if name not in WHOLE])
def test_its_state_is_all_that_a_step_depends_on(name: str) -> None:
    objective = Objective(config(name), *GREY)

    def made(seed: int) -> tuple[SimSiam, torch.optim.Optimizer]:
        torch.manual_seed(seed)
        network = objective.network()
        return network, torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)

    network, optimiser = made(0)
    step(objective, network, optimiser, 0)
    file = BytesIO()
    torch.save({"network": network.state_dict(), "optimiser": optimiser.state_dict()}, file)
    step(objective, network, optimiser, 1)
    resumed, other = made(1)
    kept = torch.load(BytesIO(file.getvalue()), weights_only=True)
    resumed.load_state_dict(kept["network"])
    other.load_state_dict(kept["optimiser"])
    step(objective, resumed, other, 1)
    ours, theirs = resumed.state_dict(), network.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert not all(torch.equal(kept["network"][key], theirs[key]) for key in theirs)


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
    if name not in ONNX:
        return
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(written("onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-4)
