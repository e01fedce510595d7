"""Images that a CSV lists, and images in parquet files as Hugging Face writes them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from simsiam_core.cli import main
from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.data import Dataset, count_train, load


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def png(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7), (grey,) * 3).save(buffer, "PNG")
    return buffer.getvalue()


def opened(source: str, path: Path, **settings: Any) -> Dataset:
    """The data set; counting without decoding agrees with it where nothing is damaged."""
    config = DataConfig.model_validate({"source": source, "path": str(path), "image_size": 8, **settings})
    dataset = load(config)
    assert count_train(config) == len(dataset.train) + len([s for s in dataset.skipped if "/" in s.path])
    return dataset


def greys(dataset: Dataset) -> list[int]:
    return dataset.train.images[:, 0, 0, 0].tolist()


def parquet(
    path: Path, images: Sequence[Any], labels: Sequence[Any] | None = None, names: Sequence[str] = ()
) -> None:
    """A file with the columns of Hugging Face's image data sets, and two rows a group."""
    features: dict[str, Any] = {"picture": {"_type": "Image"}}
    columns: dict[str, Any] = {
        "note": pa.array(["text"] * len(images)),
        "picture": pa.array(
            [None if image is None else {"bytes": image, "path": "x.png"} for image in images],
            pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        ),
    }
    if labels is not None:
        columns["kind"] = pa.array(labels)
        features["kind"] = {"_type": "ClassLabel", "names": list(names)}
    table = pa.table(columns).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=2)


def test_parquet_splits_classes_and_damaged_rows(tmp_path: Path) -> None:
    root, names = tmp_path / "hf", ["zebra", "ant", "never"]
    parquet(root / "data/train-00000-of-00002.parquet", [png(1), None, png(3), b"?"], [0, 1, 1, 0], names)
    parquet(root / "data/train-00001-of-00002.parquet", [png(4), png(5)], [-1, 0], names)
    parquet(root / "data/test-00000-of-00001.parquet", [png(7)], [1], names)
    parquet(root / "data/validation-00000-of-00001.parquet", [png(9)] * 2, [1, 1], names)
    config = DataConfig(source="parquet", path=str(root), image_size=8)
    dataset = load(config)
    assert dataset.train.classes == ("zebra", "ant")  # in the order of the schema
    assert greys(dataset) == [1, 3, 5] and count_train(config) == 5
    assert dataset.train.ids[1] == "data/train-00000-of-00002/000002"
    assert dataset.train.labels is not None and dataset.train.labels.tolist() == [0, 1, 0]
    assert dataset.test is not None and dataset.test.images.unique().tolist() == [7]
    left_out = {one.path: one.reason.split(" (")[0] for one in dataset.skipped}
    assert left_out == {
        "validation/": "validation images, since there are test images as well",
        "data/train-00001-of-00002/000000": "an image without a label",
        "data/train-00000-of-00002/000001": "the row holds no bytes",
        "data/train-00000-of-00002/000003": "this is not an image in a known format",
    }
    limited = load(config.model_copy(update={"train_limit": 2}))
    assert len(limited.train) == 2


def test_a_single_parquet_of_plain_bytes_holds_out_a_tenth(tmp_path: Path) -> None:
    images = [png(i) for i in range(40)]
    pq.write_table(pa.table({"image": images, "label": ["b", "a"] * 20}), tmp_path / "all.parquet")
    dataset = opened("parquet", tmp_path / "all.parquet")
    assert dataset.train.classes == ("a", "b") and len(dataset.train) == 36
    assert dataset.test is not None and dataset.test.labels is not None
    assert torch.bincount(dataset.test.labels).tolist() == [2, 2]
    of_test = {int(i.rpartition("/")[2]) for i in dataset.test.ids}
    assert sorted(greys(dataset)) == [i for i in range(40) if i not in of_test]


def test_csv_with_names_in_any_order_and_splits(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for i in range(5):
        (tmp_path / f"{i}.png").write_bytes(png(10 + i))
    lines = ["Label;Split;File_Name", "10;train;0.png", "9;train;1.png", "9;test;2.png", ";train;3.png"]
    lines += ["9;train;gone.png", "9;train;1.png", "", "9;train;sub/../4.png", "10;train;bad.png"]
    (tmp_path / "bad.png").write_bytes(b"no image")
    (tmp_path / "list.csv").write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    dataset = load(DataConfig(source="csv", path=str(tmp_path / "list.csv"), image_size=8))
    assert dataset.train.ids == ("0.png", "1.png", "sub/../4.png")
    assert dataset.train.classes == ("9", "10") and greys(dataset) == [10, 11, 14]
    assert dataset.test is not None and dataset.test.ids == ("2.png",)
    reasons = {one.path: one.reason.split(" (")[0] for one in dataset.skipped}
    assert reasons["gone.png (line 6)"] == "a file that is not there"
    assert reasons["1.png (line 7)"] == "named more than once; the first line counts"
    assert reasons["3.png"] == "an image without a label"
    assert reasons["bad.png"] == "this is not an image in a known format"


@pytest.mark.parametrize(
    ("text", "classes"), [("0.png,cat\n1.png,dog\n", ("cat", "dog")), ("path\n0.png\n1.png\n", ())]
)
def test_csv_without_names_or_labels(tmp_path: Path, text: str, classes: tuple[str, ...]) -> None:
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(png(i))
    (tmp_path / "list.csv").write_text(text)
    dataset = opened("csv", tmp_path / "list.csv")
    assert dataset.train.classes == classes and greys(dataset) == [0, 1]
    assert (dataset.train.labels is None) is not bool(classes)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("short.parquet", "is damaged, or ends early"),
        ("empty.parquet", "is damaged, or ends early"),
        ("page.parquet", "is damaged, or ends early"),
        ("text.parquet", r"has no column of images; .* these are a \(int64\), b \(string\)"),
        ("numbers.parquet", "None of the 1 training images in .* can be read"),
        ("nothing", "holds no .parquet files"),
        ("gone.parquet", "There is no file or folder"),
        ("empty.csv", "is empty; it must name images"),
        ("columns.csv", r"has no column of paths; .* \(they are: a, b\)"),
        ("gone.csv", "There is no file "),
        ("absent.csv", r"lists no images to train on. Left out: a file that is not there \(1\)"),
        ("utf16.csv", "no text in UTF-8"),
        ("nothing.csv", "is a folder; give the CSV file"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, cache: Path, name: str, sentence: str
) -> None:
    path = tmp_path / name
    if name in ("short.parquet", "page.parquet"):
        parquet(path, [png(i) for i in range(40)])
        data = path.read_bytes()
        path.write_bytes(
            data[:-40]
            if name == "short.parquet"
            else b"PAR1" + bytes(len(data) // 2) + data[4 + len(data) // 2 :]
        )
    elif name in ("nothing", "nothing.csv"):
        path.mkdir()
    elif name == "text.parquet":
        pq.write_table(pa.table({"a": [1], "b": ["x"]}), path)
    elif name == "numbers.parquet":
        pq.write_table(pa.table({"image": [b"\x01\x02"]}), path)
    elif not name.startswith("gone"):
        texts = {"columns.csv": "a,b\n1,2\n", "absent.csv": "path,label\nx.png,1\n"}
        path.write_bytes("path,a".encode("utf-16") if name == "utf16.csv" else texts.get(name, "").encode())
    with pytest.raises(ConfigError, match=sentence) as caught:
        load(
            DataConfig.model_validate(
                {"source": path.suffix[1:] or "parquet", "path": str(path), "image_size": 8}
            )
        )
    assert [problem.path for problem in caught.value.problems] == ["data.path"]
    assert "\n" not in str(caught.value)
    assert not [found for found in cache.rglob("*") if found.is_file()]


def test_the_terminal_says_what_is_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parquet(tmp_path / "all/train.parquet", [png(1), png(2)], [0, 1], ["x", "y"])
    assert main(["data", str(tmp_path / "all"), "--source", "parquet"]) == 0
    assert main(["data", str(tmp_path / "all/train.parquet"), "--json"]) == 0
    shown = capsys.readouterr().out
    assert "2 classes: x 1, y 1" in shown and "Images are in the column picture; labels are in kind." in shown
