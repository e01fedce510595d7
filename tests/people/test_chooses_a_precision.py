"""fp32 that is fp32, bf16 only where a GPU has it, and figures that half precision does not bend."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from features.conftest import TINY as NETWORK
from features.conftest import write_checkpoint
from previous import run_named, unpack_previous
from tiny import tiny
from torch import nn

from simsiam_core.cli.train import announce
from simsiam_core.config import TrainingConfig, preset
from simsiam_core.data import load
from simsiam_core.features import bank as banks
from simsiam_core.features import encode as encoding
from simsiam_core.features import loaded, retrieval
from simsiam_core.features.bank import bank_path, load_bank
from simsiam_core.features.encode import encode
from simsiam_core.metrics import representation_effective_rank
from simsiam_core.metrics.representation_effective_rank import effective_rank
from simsiam_core.model import Encoder, SimSiam
from simsiam_core.model.precision import true_fp32
from simsiam_core.runs import RunStore
from simsiam_core.training.device import matmul_precision, resolve_device
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.worker import train


def switches() -> tuple[str, bool, str]:
    cudnn: Any = torch.backends.cudnn
    return torch.get_float32_matmul_precision(), cudnn.allow_tf32, cudnn.conv.fp32_precision


def test_fp32_means_fp32_and_is_given_back() -> None:
    """Kind: cuDNN's convolutions used TF32 also under 32-true, so that encoded features were not fp32."""
    before = switches()
    assert before[1], "torch's own default, which this is about"
    with matmul_precision("32-true", "cpu"):
        assert switches()[:2] == ("highest", False)
        with true_fp32("cpu"):
            pass
        assert switches()[:2] == ("highest", False), "one within another"
    assert switches() == before
    with pytest.raises(KeyError), true_fp32("cpu"):
        raise KeyError
    assert switches() == before
    with matmul_precision("bf16-mixed", "cpu"):
        assert switches() == before


class Watched(nn.Module):
    """A backbone that notes how its convolutions would be computed, and on what shape and kind of numbers."""

    feature_dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.seen: list[tuple[bool, torch.dtype]] = []
        self.moves: list[str] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.layer(x.mean((2, 3)))
        self.seen.append((torch.backends.cudnn.allow_tf32, found.dtype))
        return found

    def to(self, *args: Any, **kwargs: Any) -> Any:
        self.moves.append(str(args[0]))
        return self


def watched() -> tuple[Encoder, Watched, Any]:
    dataset, backbone = load(tiny().data), Watched()
    return Encoder(backbone, tiny(), dataset.mean, dataset.std, (), 0, 0), backbone, dataset  # type: ignore[arg-type]


def test_features_are_encoded_without_tf32_or_in_half_precision_where_asked() -> None:
    """Kind: the same; and the curve's kNN, which is encoded in bf16 on a GPU, keeps its features in fp32."""
    encoder, backbone, dataset = watched()
    exact = encode(encoder, dataset.test)
    with torch.autocast("cpu", torch.bfloat16):  # as within a training step
        assert torch.equal(encode(encoder, dataset.test), exact)
    half = encode(encoder, dataset.test, half=torch.bfloat16)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, exact, atol=2e-2, rtol=0)
    assert {dtype for _, dtype in backbone.seen[:2]} == {torch.float32}
    assert backbone.seen[0][0] is False
    assert backbone.seen[-1][1] is torch.bfloat16


def test_a_gpu_meets_one_shape_and_waits_for_few_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: batches of 41 with a copy of each, and a last one for which kernels were chosen anew."""
    encoder, backbone, dataset = watched()
    shapes: list[int] = []
    backbone.register_forward_pre_hook(lambda _, inputs: shapes.append(len(inputs[0])))

    class Placed:
        def __init__(self, images: torch.Tensor, *_: object, **__: object) -> None:
            self._images = images

        def batches(self, parts: list[torch.Tensor]) -> Any:
            return (self._images[rows] for rows in parts)

    class Features:
        """Rows in main memory that count how often they are copied into."""

        device, copies = torch.device("cpu"), 0

        def __init__(self) -> None:
            self.rows = torch.full((80, 4), torch.nan)

        def __setitem__(self, part: slice, values: torch.Tensor) -> None:
            self.rows[part] = values
            self.copies += 1

    monkeypatch.setattr(encoding, "Placed", Placed)
    gpu, features = SimpleNamespace(type="cuda"), Features()
    done = list(encoding._encoded(encoder, dataset.train.images, features, 0, 7, gpu, None))  # type: ignore[arg-type]
    assert shapes == [7] * 12
    assert features.copies == 2
    assert (done[0], done[-1]) == (0, 80)
    torch.testing.assert_close(features.rows, encode(encoder, dataset.train))


def test_a_run_in_half_precision_writes_the_rank_of_fp32_projections(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: the effective rank was that of rounded numbers."""
    ranked: list[torch.Tensor] = []

    def noted(z: torch.Tensor) -> torch.Tensor:
        ranked.append(z)
        return effective_rank(z)

    monkeypatch.setattr(representation_effective_rank, "effective_rank", noted)
    run = store.create(tiny(training={"epochs": 1, "precision": "bf16-mixed"}))
    announce(run)
    assert train(run) == 0
    assert "representation/effective_rank" in run.metrics()[-2] | run.metrics()[-1]
    assert ranked[-1].dtype == torch.float32
    assert not torch.equal(ranked[-1], ranked[-1].bfloat16().float())


@pytest.mark.parametrize(
    ("native", "capabilities", "devices", "expected"),
    [
        (True, {}, 1, "bf16-mixed"),
        (False, {}, 1, "16-mixed"),
        (True, {1: (9, 0)}, 2, "bf16-mixed"),
        (True, {1: (7, 5)}, 2, "16-mixed"),
    ],
)
def test_bf16_is_chosen_only_where_it_is_not_emulated(
    native: bool, capabilities: dict, devices: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: V100 and T4 emulate bf16; fp16 with scaling there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or native
    )
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capabilities[device])
    assert resolve_device(TrainingConfig(devices=devices)) == ("gpu", expected)


def test_a_collapse_reads_one_also_in_half_precision() -> None:
    """Kind: the effective rank of bf16 projections read 1.29 at full collapse."""
    torch.manual_seed(0)
    network = SimSiam(tiny(model={"projector_dim": 512}).model)
    last = network.projector[-1]
    assert isinstance(last, nn.BatchNorm1d)
    with torch.no_grad():
        last.bias.normal_()
        last.weight.fill_(2e-5)  # all images at nearly one point
    images = torch.randn(128, 3, 16, 16)
    before = {name: value.clone() for name, value in network.named_buffers()}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        features = network.backbone(images)
    with torch.autocast("cpu", torch.bfloat16):
        exact = network.fp32_projections(features)
    statistics = {n: v for n, v in before.items() if n.startswith("projector")}
    assert all(torch.equal(dict(network.named_buffers())[n], v) for n, v in statistics.items())
    assert exact.dtype == torch.float32
    torch.testing.assert_close(exact, network.projector(features.float()), atol=1e-6, rtol=1e-5)
    half = effective_rank(exact.bfloat16())
    assert effective_rank(exact) < 1.01
    assert half > effective_rank(exact)


def test_banks_of_a_cpu_keep_their_keys_and_those_of_a_gpu_have_their_own(tmp_path) -> None:
    """Kind: features of a GPU and of a CPU shared one cache file."""
    store = unpack_previous(tmp_path)
    run = run_named(store, "finished")
    dataset = load(run.config().data)
    checkpoint = run.checkpoint("last")
    on_cpu, on_gpu = (bank_path(run, checkpoint, "train", dataset, place) for place in ("cpu", "cuda"))
    assert on_cpu != on_gpu


def test_the_curve_of_an_earlier_version_is_measured_again_to_the_bit(tmp_path) -> None:
    """Kind: kNN figures must not move by how images are read, encoded or compared."""
    from simsiam_core.model import load_encoder

    store = unpack_previous(tmp_path)
    run = run_named(store, "finished")
    measured = [line for line in run.metrics() if "val/knn_accuracy" in line]
    evaluation = Evaluation(run.config(), load(run.config().data))
    encoder = load_encoder(run.checkpoint("last").path)
    assert evaluation.knn_accuracy(encoder) == measured[-1]["val/knn_accuracy"]
    pixels = evaluation.raw_pixels(torch.device("cpu"))
    assert pixels.metrics == {"val/knn_accuracy_raw_pixels": measured[0]["val/knn_accuracy_raw_pixels"]}


def test_queries_are_encoded_where_the_bank_was_made(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: the network was moved to the CPU for each query, and back for the next bank."""
    dataset = load(tiny().data)
    run = RunStore(tmp_path / "runs").create(tiny())
    write_checkpoint(run, "last", NETWORK, dataset.mean, dataset.std, seed=0)
    places: list[tuple[int, str]] = []
    full = [False]

    def on_a_made_up_gpu(
        encoder: Encoder, images: Any, device: str = "cpu", *args: Any, **kwargs: Any
    ) -> Any:
        places.append((len(images), device))
        if device == "cuda" and full[0]:
            raise torch.AcceleratorError("CUDA error: out of memory", 2)
        return encode(encoder, images, "cpu", *args, **kwargs)

    monkeypatch.setattr(banks, "best_device", lambda: "cuda")
    monkeypatch.setattr(banks, "encode", on_a_made_up_gpu)
    monkeypatch.setattr(encoding, "encode", on_a_made_up_gpu)
    monkeypatch.setattr(loaded, "_banks", loaded.LRUCache(8))
    monkeypatch.setattr(loaded, "dataset", lambda *_: dataset)
    bank = load_bank(run, run.checkpoint("last"), "train", dataset=dataset)
    assert bank.device == "cuda"
    retrieval.encode_query(run, "last", "train", dataset.train.ids[0])
    assert places == [(80, "cuda"), (1, "cuda")]
    full[0] = True
    retrieval.encode_query(run, "last", "train", dataset.train.ids[0])
    assert places[2:] == [(1, "cuda"), (1, "cpu")], "a GPU that a run has filled"
    other = load_bank(run, run.checkpoint("last"), "test", dataset=dataset)
    assert other.device == "cpu"
    assert bank_path(run, run.checkpoint("last"), "test", dataset, "cpu").is_file()


@pytest.mark.parametrize(
    "name", ["paper-cifar10", "paper-cifar10-200", "fastsiam-cifar10", "e-simsiam-cifar10", "starting-point"]
)
def test_recipes_for_a_gpu_are_checked_every_five_epochs(name: str) -> None:
    """Kind: the kNN check took as long as the epoch that it followed."""
    assert preset(name).values["knn"]["knn_every"] == 5
