"""Every source behind `load`, and what all of them promise."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
import urllib.error
import urllib.request
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10, CIFAR100, STL10

from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.data import count_train, load, loading
from simsiam_core.data.loading import channel_statistics
from simsiam_core.data.sources import SOURCES, listed
from simsiam_core.registry import Registry


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_textures_are_balanced_reproducible_and_need_no_disk(cache: Path) -> None:
    first, again = load(DataConfig()), load(DataConfig())
    assert (len(first.train), len(first.test or ())) == (4000, 1000)
    assert torch.equal(first.train.images, again.train.images) and first.fingerprint == again.fingerprint
    assert first.train.labels is not None and torch.bincount(first.train.labels).tolist() == [400] * 10
    assert first.train.ids[0] == "train/bricks/00000" and len(set(first.train.ids)) == 4000
    assert not cache.exists()


def test_textures_of_train_and_test_differ_and_are_nearly_grey() -> None:
    dataset = load(DataConfig(train_limit=200, test_limit=200))
    images = dataset.train.images.float()
    assert dataset.test is not None and not torch.equal(dataset.train.images, dataset.test.images)
    colourfulness = (images.mean((2, 3)).amax(1) - images.mean((2, 3)).amin(1)).mean()
    assert 0 < colourfulness < 16  # of 255
    assert (images.std((1, 2, 3)) > 10).all()  # there is a pattern in every one


def test_raw_pixels_of_textures_say_little() -> None:
    """kNN on raw pixels (k = 200, T = 0.1): above chance, far below the 85 to 88 % learnt within two minutes."""
    dataset = load(DataConfig())
    assert dataset.test and dataset.test.labels is not None and dataset.train.labels is not None
    mean, std = torch.tensor(dataset.mean).view(3, 1, 1), torch.tensor(dataset.std).view(3, 1, 1)
    bank, queries = (
        torch.nn.functional.normalize(((s.images / 255 - mean) / std).flatten(1), dim=1)
        for s in (dataset.train, dataset.test)
    )
    similarities, neighbours = (queries @ bank.T).topk(200)
    votes = torch.zeros(len(queries), 10)
    votes.scatter_add_(1, dataset.train.labels[neighbours], (similarities / 0.1).exp())
    assert 0.2 < float((votes.argmax(1) == dataset.test.labels).float().mean()) < 0.46


def test_textures_of_any_size() -> None:
    dataset = load(DataConfig(image_size=11))
    assert dataset.train.images.shape == (4000, 3, 11, 11)


def test_limits_are_exact_stratified_and_the_same_every_time() -> None:
    dataset, again = (load(DataConfig(train_limit=1003, test_limit=77)) for _ in range(2))
    assert len(dataset.train) == 1003 and dataset.test is not None and len(dataset.test) == 77
    for split in (dataset.train, dataset.test):
        assert split.labels is not None
        counts = torch.bincount(split.labels)
        assert counts.max() - counts.min() <= 1
    assert dataset.train.ids == again.train.ids
    assert dataset.fingerprint == again.fingerprint != load(DataConfig(train_limit=1003)).fingerprint


def test_a_limit_beyond_what_there_is_takes_all() -> None:
    assert len(load(DataConfig(train_limit=9999)).train) == 4000 == count_train(DataConfig(train_limit=9999))


def test_statistics_are_those_of_the_training_images() -> None:
    dataset = load(DataConfig(train_limit=500))
    pixels = dataset.train.images.double().transpose(0, 1).flatten(1) / 255
    assert dataset.mean == pytest.approx(pixels.mean(1).tolist(), abs=1e-5)
    assert dataset.std == pytest.approx(pixels.std(1, unbiased=False).tolist(), abs=1e-5)


def test_statistics_of_one_colour_divide_by_something() -> None:
    dataset = load(DataConfig(train_limit=20))
    dataset.train.images.fill_(7)
    assert channel_statistics(dataset.train)[1] == pytest.approx((1 / 255,) * 3)


def test_progress_runs_from_start_to_end() -> None:
    fractions: list[float] = []
    load(DataConfig(), lambda fraction, text: fractions.append(fraction))
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1


@pytest.mark.parametrize("source", ["cifar10", "cifar100", "stl10"])
def test_no_network_says_what_to_do_instead(
    source: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(ConfigError) as caught:
        load(DataConfig(source=source))
    (problem,) = caught.value.problems
    assert problem.path == "data.source"
    assert "Name or service not known" in problem.message and str(cache / "downloads") in problem.message
    assert "'textures'" in problem.message and ".tar.gz" in problem.message
    assert not [path for path in cache.rglob("*") if path.is_file()]


def published_archive() -> bytes:
    """A CIFAR-10 archive with four images a file, laid out as the published one."""
    files: dict[str, Any] = {"batches.meta": {"label_names": [f"class{i}" for i in range(10)]}}
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        files[name] = {"data": np.full((4, 3072), 40 * i, dtype=np.uint8), "labels": [i, i, 9, 9]}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            data = pickle.dumps(content)
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def small_cifar(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """torchvision's CIFAR10 made to expect the small archive."""
    data = published_archive()
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(data).hexdigest())
    for attribute in ("train_list", "test_list"):
        names = [[name, None] for name, _ in getattr(CIFAR10, attribute)]
        monkeypatch.setattr(CIFAR10, attribute, names)
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": None})
    return data


class Response(io.BytesIO):
    """What urlopen returns; it may promise more bytes than come."""

    def __init__(self, data: bytes, promised: int | None = None) -> None:
        super().__init__(data)
        self.headers = Message()
        self.headers["Content-Length"] = str(promised or len(data))


def test_cifar_is_downloaded_once_resized_and_kept(
    small_cifar: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[Any] = []

    def answer(request: Any, **_: Any) -> Response:
        requests.append(request)
        return Response(small_cifar)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    texts: list[str] = []
    dataset = load(DataConfig(source="cifar10"), lambda fraction, text: texts.append(text))
    assert (len(dataset.train), len(dataset.test or ())) == (20, 4)
    assert dataset.train.ids[:2] == ("train/00000", "train/00001") and dataset.train.classes[9] == "class9"
    assert dataset.train.labels is not None and dataset.train.labels[:5].tolist() == [0, 0, 9, 9, 1]
    assert dataset.train.images[4].unique().tolist() == [40]
    assert any(text.startswith("Downloading cifar10") for text in texts)
    assert load(DataConfig(source="cifar10", image_size=16)).train.images.shape == (20, 3, 16, 16)
    load(DataConfig(source="cifar10"))
    assert len(requests) == 1
    assert sorted(path.name for path in cache.iterdir()) == ["decoded", "downloads"]
    assert [path.name for path in (cache / "downloads").iterdir()] == ["cifar-10-python.tar.gz"]


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def offer(dataset: Any, archive: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a small archive where the download would be, and make torchvision's data set expect it."""
    monkeypatch.setattr(dataset, "tgz_md5", hashlib.md5(archive).hexdigest())
    for attribute in ("train_list", "test_list"):
        monkeypatch.setattr(dataset, attribute, [[name, None] for name, _ in getattr(dataset, attribute)])
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / dataset.filename).write_bytes(archive)


def test_cifar100_has_its_fine_labels(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"cifar-100-python/meta": pickle.dumps({"fine_label_names": [f"kind{i}" for i in range(100)]})}
    for part, value in (("train", 7), ("test", 9)):
        data = np.full((3, 3072), value, dtype=np.uint8)
        files[f"cifar-100-python/{part}"] = pickle.dumps({"data": data, "fine_labels": [1, 50, 99]})
    offer(CIFAR100, packed(files), cache, monkeypatch)
    monkeypatch.setattr(CIFAR100, "meta", {**CIFAR100.meta, "md5": None})
    dataset = load(DataConfig(source="cifar100"))
    assert dataset.train.labels is not None and dataset.train.labels.tolist() == [1, 50, 99]
    assert dataset.train.classes[50] == "kind50"
    assert dataset.test is not None and dataset.test.images.unique().tolist() == [9]


def test_stl10_is_upright_labelled_and_resized(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files hold columns before rows: an image that is dark on the left must stay so."""
    image = np.zeros((3, 96, 96), dtype=np.uint8)  # as stored: [channel, column, row]
    image[:, 48:, :] = 200
    files = {"class_names.txt": b"airplane\nbird\n", "fold_indices.txt": b"0\n", "unlabeled_X.bin": b""}
    for part, labels in (("train", [1, 2]), ("test", [2, 1])):
        files[f"{part}_X.bin"] = image.tobytes() * 2
        files[f"{part}_y.bin"] = bytes(labels)
    offer(STL10, packed({f"stl10_binary/{k}": v for k, v in files.items()}), cache, monkeypatch)
    dataset = load(DataConfig(source="stl10"))
    assert dataset.train.images.shape == (2, 3, 32, 32)
    assert dataset.train.labels is not None and dataset.train.labels.tolist() == [0, 1]
    assert dataset.train.classes == ("airplane", "bird")
    assert dataset.train.images[0, 0, :, 0].max() == 0
    assert dataset.train.images[0, 0, :, -1].min() == 200


def test_an_archive_put_into_the_cache_folder_is_used(small_cifar: bytes, cache: Path) -> None:
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / "cifar-10-python.tar.gz").write_bytes(small_cifar)
    assert len(load(DataConfig(source="cifar10")).train) == 20


def test_a_damaged_archive_is_named(small_cifar: bytes, cache: Path) -> None:
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / "cifar-10-python.tar.gz").write_bytes(small_cifar[:-9])
    with pytest.raises(ConfigError, match=r"cifar-10-python.tar.gz is damaged or incomplete; delete it"):
        load(DataConfig(source="cifar10"))


def test_a_download_cut_short_leaves_nothing(
    small_cifar: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        urllib.request, "urlopen", lambda *_, **__: Response(small_cifar[:99], len(small_cifar))
    )
    with pytest.raises(ConfigError, match="cannot be downloaded"):
        load(DataConfig(source="cifar10"))
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_cache_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="set SIMSIAM_CACHE"):
        load(DataConfig(source="cifar10"))


def test_counting_needs_neither_download_nor_decoding(cache: Path) -> None:
    counts = [
        count_train(DataConfig(source=source)) for source in ("textures", "cifar10", "cifar100", "stl10")
    ]
    assert counts == [4000, 50_000, 50_000, 5_000]
    assert count_train(DataConfig(source="cifar10", train_limit=123)) == 123
    assert not cache.exists()


def test_sources_are_listed_with_the_default_first_and_ones_own_last() -> None:
    assert list(listed()) == ["textures", "cifar10", "cifar100", "stl10", "csv", "parquet", "folder"]
    assert [name for name, source in listed().items() if source.needs_path] == [
        "csv",
        "parquet",
        "folder",
    ]
    assert [name for name, source in listed().items() if source.download] == ["cifar10", "cifar100", "stl10"]
    assert [name for name, source in listed().items() if source.generated] == ["textures"]


def test_a_source_that_needs_a_path_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {"textures": replace(SOURCES.get("textures"), path="file")}
    monkeypatch.setattr(Registry, "get", lambda self, name: entries[name])
    for ask in (load, count_train, lambda config: loading.count_train(config, 1.0)):
        with pytest.raises(ConfigError, match="Folder or file is empty; the source 'textures' needs"):
            ask(DataConfig())
    assert count_train(DataConfig(path="/somewhere")) == 4000


def test_the_documentation_describes_every_source() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for name, source in listed().items():
        assert f"| `{name}` | {source.help} | {source.download or '–'} |" in page
