from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from features.conftest import TINY, write_checkpoint
from torch.nn import functional as F

from simsiam_core.data import Dataset, normalise
from simsiam_core.features import bank as bank_module
from simsiam_core.features.bank import FeatureBank, load_bank
from simsiam_core.features.encode import encode
from simsiam_core.model import load_encoder
from simsiam_core.runs import RunDirectory, RunError


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each encoding had."""
    counts: list[int] = []

    def counting(encoder, images, *args, **kwargs):
        counts.append(len(images))
        return encode(encoder, images, *args, **kwargs)

    monkeypatch.setattr(bank_module, "encode", counting)
    return counts


def bank_of(run: RunDirectory, dataset: Dataset, name: str = "last", split: str = "train") -> FeatureBank:
    return load_bank(run, run.checkpoint(name), split, dataset=dataset)


def cache_files(run: RunDirectory) -> list[Path]:
    return sorted(run.features_dir.iterdir())


def test_features_are_the_normalised_output_of_the_backbone(run: RunDirectory, dataset: Dataset) -> None:
    encoder = load_encoder(run.checkpoint("last").path)
    bank = bank_of(run, dataset)
    inputs = normalise(dataset.train.images, encoder.mean, encoder.std)
    with torch.no_grad():
        torch.testing.assert_close(bank.features, F.normalize(encoder.backbone(inputs), dim=1))
    assert bank.features.shape == (80, encoder.dim)
    assert (bank.ids, bank.classes) == (dataset.train.ids, dataset.train.classes)
    assert bank.labels is dataset.train.labels


def test_batches_of_any_size_encode_the_same_and_report(
    run: RunDirectory, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(run.checkpoint("last").path)
    whole = encode(encoder, dataset.train)
    monkeypatch.setattr("simsiam_core.features.encode.CPU_PIXELS", 7 * 16 * 16)
    reports: list[tuple[float, str]] = []
    torch.testing.assert_close(encode(encoder, dataset.train, progress=lambda *r: reports.append(r)), whole)
    assert len(reports) == 12
    assert reports[1] == (7 / 80, "Encoding images: 7 of 80")


def test_encoded_once_and_then_read(run: RunDirectory, dataset: Dataset, encoded: list[int]) -> None:
    first, again = bank_of(run, dataset), bank_of(run, dataset)
    assert encoded == [80]
    assert torch.equal(first.features, again.features)
    assert len(cache_files(run)) == 1


def test_two_who_ask_at_once_encode_once(run: RunDirectory, dataset: Dataset, encoded: list[int]) -> None:
    with ThreadPoolExecutor(4) as pool:
        banks = list(pool.map(lambda _: bank_of(run, dataset), range(4)))
    assert encoded == [80]
    assert all(torch.equal(bank.features, banks[0].features) for bank in banks)


def test_other_checkpoint_split_or_data_has_a_cache_of_its_own(
    run: RunDirectory, dataset: Dataset, encoded: list[int]
) -> None:
    bank_of(run, dataset)
    other = bank_of(run, dataset, "epoch=0001")
    test = bank_of(run, dataset, split="test")
    assert encoded == [80, 80, 20]
    assert not torch.equal(other.features, bank_of(run, dataset).features)
    assert test.ids == dataset.split("test").ids
    renamed = Dataset(dataset.train, dataset.test, (), dataset.mean, dataset.std, fingerprint="other")
    bank_of(run, renamed)
    assert encoded == [80, 80, 20, 80]


def test_a_checkpoint_written_again_is_encoded_again(
    run: RunDirectory, dataset: Dataset, encoded: list[int]
) -> None:
    before = bank_of(run, dataset).features.clone()
    path = run.checkpoint("last").path
    write_checkpoint(run, "last", TINY, dataset.mean, dataset.std, seed=5)
    os.utime(path, ns=(1, 1))
    assert not torch.equal(bank_of(run, dataset).features, before)
    assert encoded == [80, 80]


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _fill(path: Path, value: float) -> None:
    array = np.load(path)
    array[:] = value
    np.save(path, array)


@pytest.mark.parametrize(
    "damage",
    [
        _truncate,
        lambda path: path.write_bytes(b"no array"),
        lambda path: path.write_bytes(b""),
        lambda path: np.save(path, np.ones((3, 4), np.float32)),
        lambda path: _fill(path, np.nan),
        lambda path: _fill(path, 7.0),
    ],
    ids=["truncated", "other bytes", "empty", "other shape", "not finite", "not normalised"],
)
def test_a_damaged_cache_is_built_again(
    run: RunDirectory, dataset: Dataset, damage: Callable[[Path], None], encoded: list[int]
) -> None:
    before = bank_of(run, dataset).features.clone()
    damage(cache_files(run)[0])
    assert torch.equal(bank_of(run, dataset).features, before)
    assert encoded == [80, 80]


def test_an_encoding_that_breaks_off_leaves_no_cache(
    run: RunDirectory, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bank_module, "encode", broken)
        with pytest.raises(KeyboardInterrupt):
            bank_of(run, dataset)
    assert cache_files(run) == []
    assert len(bank_of(run, dataset)) == 80


def test_what_a_killed_process_left_is_swept_up(run: RunDirectory, dataset: Dataset) -> None:
    bank_of(run, dataset)
    (cache,) = cache_files(run)
    (run.features_dir / f".{cache.name}.abc.part").write_bytes(b"half")
    cache.unlink()
    bank_of(run, dataset)
    assert cache_files(run) == [cache]


def test_a_diverged_checkpoint_is_a_sentence(run: RunDirectory, dataset: Dataset) -> None:
    write_checkpoint(run, "last", TINY, (float("nan"),) * 3, dataset.std, seed=0)
    with pytest.raises(RunError, match="Checkpoint last has diverged"):
        bank_of(run, dataset)


def test_a_full_disk_is_a_sentence(
    run: RunDirectory, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank_module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(RunError, match=r"Cannot keep features in .*: 0 MB are needed and 0 MB are free"):
        bank_of(run, dataset)
