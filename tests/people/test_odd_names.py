r"""File names that are not UTF-8, or would turn a terminal's screen: `caf\xe9.jpg` from an old disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import TINY

from simsiam_core.cli import main
from simsiam_core.data.folder import describe_folder
from simsiam_core.features import loaded
from simsiam_core.names import located, original, printable, storable
from simsiam_core.runs import RunDirectory, RunStore

NAMES = {  # bytes on disk, and how they are shown and stored
    b"plain \xc3\xa9.png": "plain é.png",
    b"caf\xe9.png": r"caf\xe9.png",
    b"caf\\xe9.png": r"caf\x5cxe9.png",
    b"new\nline.png": r"new\x0aline.png",
    b"\x1b[31mred.png": r"\x1b[31mred.png",
    b"gpj\xe2\x80\xaegnp.png": r"gpj\u202egnp.png",
    b"back\\slash.png": "back\\slash.png",
    b"next\xc2\x85line.png": r"next\u0085line.png",
    "👨‍👩‍👧.png".encode(): "👨‍👩‍👧.png",
}


@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=str)
def test_a_name_is_shown_harmlessly_and_found_again(name: bytes, shown: str) -> None:
    """Kind: a name that is not UTF-8, or is a command to the terminal, came out as it was."""
    given = os.fsdecode(name)
    assert printable(given) == shown and original(shown) == given
    assert shown.encode("utf-8").decode() == shown


def test_different_names_stay_different() -> None:
    """Kind: an escaped name may be what another file is really called."""
    parts = [
        "\\",
        "x",
        "e9",
        "\udce9",
        "é",
        "\x85",
        "\udc85",
        "0a",
        "\n",
        "u",
        "202e",
        "\u202e",
        "5c",
        "\\x5c",
    ]
    names = {a + b + c for a in parts for b in parts for c in parts}
    assert len({printable(name) for name in names}) == len(names)
    assert all(original(printable(name)) == name for name in names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two classes with such names, in a folder with such a name."""
    root = tmp_path_factory.mktemp("odd") / os.fsdecode(b"na\xefve")
    for kind in (b"caf\xe9", b"new\nclass"):
        for number, name in enumerate([*NAMES, b"more.png"]):
            path = root / os.fsdecode(kind) / os.fsdecode(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 16), (25 * number, 90, len(kind) * 9)).save(path)
    return str(root)


@pytest.fixture(scope="module")
def run(folder: str, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run trained on it from the terminal."""
    place = tmp_path_factory.mktemp("runs")
    data = {"source": "folder", "image_size": 16}
    settings = {**TINY, "data": data, "training": {**TINY["training"], "epochs": 1, "batch_size": 6}}
    (place / "config.yaml").write_text(json.dumps(settings))
    given = ["--config", str(place / "config.yaml"), "--data.path", folder, "--save-dir", str(place / "runs")]
    assert main(["train", *given]) == 0
    (run,) = RunStore(place / "runs").runs()
    return run


def test_such_a_folder_is_trained_on(run: RunDirectory, folder: str) -> None:
    """Kind: `UnicodeEncodeError` ended training."""
    assert run.status().state == "finished"
    path = run.config().data.path
    assert path is not None and path.endswith(r"na\xefve") and located(path) == Path(folder)
    assert [c.name for c in describe_folder(path).classes] == [r"caf\xe9", r"new\x0aclass"]


def test_questions_are_asked_with_such_files(
    run: RunDirectory, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kind: `neighbours` broke on such names, of the query and of the answers."""
    where = ["--save-dir", str(run.path.parent), "-k", "30", "--json"]
    asked = os.path.join(folder, os.fsdecode(b"caf\xe9/caf\xe9.png"))
    assert main(["neighbours", run.id, "--image", asked, *where]) == 0
    found = {one["id"] for one in json.loads(capsys.readouterr().out)["neighbours"]}
    assert found == set(loaded.split(run.config().data, "train").ids)
    assert all(printable(original(each)) == each for each in found)
    assert main(["neighbours", run.id, "--id", next(iter(found)), "--bank", folder, *where]) == 0
    assert len(json.loads(capsys.readouterr().out)["neighbours"]) == 19
    assert main(["neighbours", run.id, "--image", asked + "\x1b[31m", *where]) == 2
    assert r"caf\xe9.png\x1b[31m" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["out", os.fsdecode(b"\xf6ut")])
def test_tables_are_written(
    run: RunDirectory, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kind: `map --out` and `export --format parquet` broke on such names, inside and as the file's own."""
    parquet = pytest.importorskip("pyarrow.parquet")
    given = [run.id, "--save-dir", str(run.path.parent), "--json"]
    map_file, features, arrays = (
        tmp_path / f"{name}{suffix}" for suffix in (".parquet", ".features", ".npz")
    )
    assert main(["map", *given, "--method", "pca", "--out", str(map_file)]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == [storable(str(map_file))]
    assert main(["export", *given, "--format", "parquet", "--out", str(features)]) == 0
    assert main(["export", *given, "--format", "npz", "--out", str(arrays)]) == 0
    assert main(["export", *given, "--format", "safetensors", "--out", str(tmp_path / f"{name}.w")]) == 0
    ids = set(loaded.split(run.config().data, "train").ids)
    for path in (map_file, features):
        with path.open("rb") as file:
            assert set(parquet.read_table(file)["id"].to_pylist()) == ids
    assert set(np.load(arrays)["ids"]) == ids


def test_two_folders_that_may_be_meant_are_not_guessed_between(tmp_path: Path) -> None:
    """Kind: a stored name that is also another folder's real name."""
    (tmp_path / os.fsdecode(b"caf\xe9")).mkdir()
    stored = storable(str(tmp_path / os.fsdecode(b"caf\xe9")))
    assert located(stored).name == os.fsdecode(b"caf\xe9")
    (tmp_path / r"caf\xe9").mkdir()
    with pytest.raises(ValueError, match="may be either of two"):
        located(stored)
