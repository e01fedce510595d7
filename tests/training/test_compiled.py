"""The compiler itself runs, on the CPU: compiled training is eager training, or training goes on without."""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from fitting import trained
from tiny import tiny
from torch import nn
from torch._dynamo.utils import counters

from simsiam_core.cli.train import announce
from simsiam_core.config import TrainingConfig
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.model import JointEmbedding, simsiam
from simsiam_core.model.checkpoint import read_checkpoint
from simsiam_core.runs import RunStore
from simsiam_core.training import compilation
from simsiam_core.training.objective import Objective
from simsiam_core.training.worker import train

GREY = (0.5,) * 3, (0.25,) * 3
CACHE = Path(__file__).parents[2] / ".pytest_cache" / "inductor"  # the C++ compiler runs once a checkout
ROTATION = {"rotation_weight": 0.4, "rotation_crop": 8}


class OneConvolution(nn.Module):
    """Compiled in seconds, where a ResNet takes a minute."""

    feature_dim = 8

    def __init__(self, *_: object) -> None:
        super().__init__()
        self.convolution, self.norm = (
            nn.Conv2d(3, self.feature_dim, 3, bias=False),
            nn.BatchNorm2d(self.feature_dim),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.convolution(x)).relu().mean((2, 3))


def both_ways(objective: Objective) -> tuple[JointEmbedding, JointEmbedding]:
    """The same network compiled, with nothing compiled before it counted, and as it is."""
    eager = objective.network()
    compiled = copy.deepcopy(eager)
    torch.compiler.reset()
    counters.clear()
    compilation.compile_network(compiled)
    return compiled, eager


@pytest.mark.timeout(900)
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="needs a C++ compiler")
def test_rotations_train_as_well_when_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """By torch.compile's own backend; crops that went through the network eagerly would fail at the backward."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(CACHE))
    monkeypatch.setattr(simsiam, "build_backbone", OneConvolution)
    torch.manual_seed(0)
    objective = Objective(tiny(objective=ROTATION), *GREY)
    compiled, eager = both_ways(objective)
    images = torch.randint(0, 256, (20, 3, 16, 16), dtype=torch.uint8)
    for seed in range(2):
        views = objective.views(images, torch.Generator().manual_seed(seed))
        ours, theirs = (objective.losses(network, views).total for network in (compiled, eager))
        ours.backward()
        theirs.backward()
        assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
        compiled.backbone.eval()
        compiled.backbone(torch.randn(7, 3, 16, 16))  # a kNN check, in another mode and another batch size
        compiled.backbone.train()
    for one, other in zip(compiled.parameters(), eager.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-4)
    assert counters["stats"]["unique_graphs"] == 2, "one for views and one for crops"
    assert not counters["graph_break"]


def test_a_target_network_is_compiled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compilation.BACKEND_VARIABLE, "aot_eager")
    objective = Objective(tiny(objective={"method": "byol"}), *GREY)
    compiled, eager = both_ways(objective)
    images = torch.randint(0, 256, (20, 3, 16, 16), dtype=torch.uint8)
    for step in range(2):
        views = objective.views(images, torch.Generator().manual_seed(step))
        losses = [objective.losses(network, views).total for network in (compiled, eager)]
        assert losses[0].item() == pytest.approx(losses[1].item(), abs=1e-5)
        for network in (compiled, eager):
            with torch.no_grad():
                network.projector[0].weight += 0.01
            objective.after_step(network, step, 2)
    assert torch.equal(compiled.target["projector"][0].weight, eager.target["projector"][0].weight)
    assert counters["stats"]["unique_graphs"] == 2, "one for the network and one for its target"
    assert not counters["graph_break"]
    compilation.uncompile(compiled)
    assert "target_projections" not in vars(compiled)


def failing(graph: object, inputs: object) -> None:
    raise RuntimeError("Failed to find C compiler.\nmore")


def test_what_cannot_be_compiled_is_trained_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """A compiler that fails costs a sentence, and not a bit of the curve."""
    usual = trained(tiny(), steps=3)[1].losses
    torch.compiler.reset()
    torch._dynamo.register_backend(failing, name="failing")
    monkeypatch.setenv(compilation.BACKEND_VARIABLE, "failing")
    module, record = trained(tiny(training={"compile": "always"}), steps=3)
    assert record.losses == usual
    assert module.compiled is False
    said = capsys.readouterr().out
    assert re.search(r"The network could not be compiled \(.*\); training goes on without\.", said), said


def test_trying_it_out_leaves_no_trace_in_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.compiler.reset()
    monkeypatch.setenv(compilation.BACKEND_VARIABLE, "eager")
    objective = Objective(tiny(objective=ROTATION), *GREY)
    network = objective.network()
    before = copy.deepcopy(network.state_dict())
    views = objective.views(torch.zeros(20, 3, 16, 16, dtype=torch.uint8), torch.Generator())
    config = TrainingConfig(compile="always")

    def trial() -> None:
        objective.losses(network, views)
        raise RuntimeError

    assert not compilation.prepare(network, config, torch.device("cpu"), 1, trial)[0]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


class PauseAtOnce(pl.Callback):
    """Has the run paused after its first step, as a signal would."""

    def __init__(self, request: StopRequest) -> None:
        self._request = request

    def on_train_batch_end(self, *_: object) -> None:
        self._request.state = "paused"


def test_a_resumed_run_says_where_it_goes_on_uncompiled(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Pause a compiled run, resume it with the compiler gone: the log tells, and the checkpoint remembers."""
    torch.compiler.reset()
    monkeypatch.setenv(compilation.BACKEND_VARIABLE, "eager")
    run = store.create(tiny(training={"compile": "always"}))
    announce(run)
    request = StopRequest()
    assert train(run, (PauseAtOnce(request),), request) == 0
    assert run.status().state == "paused"
    assert read_checkpoint(run.checkpoint().path)["simsiam"]["compiled"] is True
    assert "Until here" not in capsys.readouterr().out
    run.update_status(state="queued")
    monkeypatch.setattr(compilation, "_try", lambda network, trial: "RuntimeError: no compiler")
    announce(run)
    assert train(run) == 0
    said = capsys.readouterr().out
    assert "could not be compiled (RuntimeError: no compiler); training goes on without." in said
    assert "trained with the network compiled, and goes on without compiling" in said
    assert read_checkpoint(run.checkpoint().path)["simsiam"]["compiled"] is False


def test_the_steps_to_come_decide() -> None:
    """Resume a long run near its end: what is left is not worth the minute."""
    auto, gpu = TrainingConfig(), torch.device("cuda")
    compiles, why = compilation.decide(auto, gpu, 100)
    assert not compiles
    assert "100 are to come" in why


class TestToolchain:
    """What a slim image lacks is named, with what to install."""

    def test_all_is_there(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        if not (shutil.which("gcc") or shutil.which("clang")):
            pytest.skip("needs a C compiler")
        self.caches(monkeypatch, tmp_path)
        assert compilation._build_problem() == ""

    def test_no_compiler(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CC", raising=False)
        monkeypatch.setenv("PATH", "")
        assert compilation._build_problem() == "that takes a C compiler, and none is installed; install gcc"

    @pytest.mark.parametrize(
        ("complaint", "said"),
        [
            ("probe.c:2:10: fatal error: Python.h: No such file or directory", "install python3-dev"),
            ("probe.c:1:10: fatal error: stdlib.h: No such file", "fails (probe.c:1:10"),
        ],
    )
    def test_no_headers(
        self, complaint: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        self.caches(monkeypatch, tmp_path)
        compiler = tmp_path / "cc"
        compiler.write_text(f'#!/bin/sh\necho "{complaint}" >&2\nexit 1\n')
        compiler.chmod(0o755)
        monkeypatch.setenv("CC", str(compiler))
        assert said in compilation._build_problem()

    def test_a_cache_that_cannot_be_written(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        self.caches(monkeypatch, tmp_path / "file")
        monkeypatch.setenv("CC", "cc")
        assert "cannot be written" in compilation._build_problem()

    @staticmethod
    def caches(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder / "torch"))
        monkeypatch.setenv("TRITON_CACHE_DIR", str(folder / "triton"))
