"""Features of any images as a file: the same as a run's own, resumed after an interruption, bounded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsiam_core.cli import main
from simsiam_core.data import read_image
from simsiam_core.evaluation import embedding
from simsiam_core.evaluation.embedding import embed
from simsiam_core.features import image_files
from simsiam_core.features.encode import encode
from simsiam_core.features.image_files import list_images
from simsiam_core.model import load_encoder
from simsiam_core.runs import RunDirectory

BROKEN = "cat/0003.png"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images in two classes, of which one is damaged, beside other files."""
    folder = tmp_path_factory.mktemp("images") / "pictures"
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 24, 3), dtype=np.uint8)
    for row, image in enumerate(pixels):
        path = folder / ("cat" if row < 6 else "dog") / f"{row:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    (folder / BROKEN).write_bytes((folder / BROKEN).read_bytes()[:200])
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_files, "BLOCK_IMAGES", 3)


def silent(_share: float, _text: str) -> None:
    pass


def rows(out: Path) -> dict[str, np.ndarray]:
    with np.load(out) as stored:
        return dict(zip(stored["ids"].tolist(), stored["features"], strict=True))


@pytest.mark.parametrize("format", ["npz", "parquet"])
def test_every_readable_image_has_its_features(
    trained: RunDirectory,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    format: str,
) -> None:
    monkeypatch.chdir(pictures.parent)
    out = tmp_path / f"features.{format}"
    assert main(["embed", str(trained.path), "pictures", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["images"] == 11 and {one["path"] for one in told["left_out"]} == {BROKEN, "notes.txt"}
    if format == "npz":
        with np.load(out) as stored:
            ids, labels, found = stored["ids"].tolist(), stored["labels"].tolist(), stored["features"]
    else:
        table = pytest.importorskip("pyarrow.parquet").read_table(out)
        ids, labels = table["id"].to_pylist(), table["label"].to_pylist()
        found = np.array(table["features"].to_pylist(), dtype=np.float32)
    assert labels == [name.split("/")[0] for name in ids]
    encoder = load_encoder(trained.checkpoint().path)
    pixels = np.stack([read_image(pictures / name, 16).numpy() for name in ids])
    images = image_files.torch.from_numpy(pixels)
    expected = encode(encoder, embedding.ImageSet(images, None, (), tuple(ids))).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name]


def test_an_interrupted_call_is_resumed(
    trained: RunDirectory, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, checkpoint, files = tmp_path / "f.npz", trained.checkpoint(), list_images([str(pictures)])
    embed(checkpoint, files, tmp_path / "whole.npz", silent)
    original, calls = embedding.encode_block, []

    def interrupted(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(embedding, "encode_block", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embed(checkpoint, files, out, silent)
    parts = tmp_path / "f.npz.parts"
    assert not out.exists() and parts.is_dir()
    with (parts / "features.f32").open("ab") as file:
        file.write(b"half a row")
    with (parts / "unreadable.jsonl").open("a") as file:
        file.write('[8, "half a rea')
    found = embed(checkpoint, files, out, silent)
    assert found.resumed_at == 6 and found.count == 11 and not parts.exists()
    whole, resumed = rows(tmp_path / "whole.npz"), rows(out)
    assert list(whole) == list(resumed)
    for name, features in whole.items():
        np.testing.assert_array_equal(resumed[name], features)

    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        embed(checkpoint, files, out, silent)
    other = trained.checkpoint("epoch=0000")
    found = embed(other, files, out, silent)
    assert found.began_anew and found.resumed_at == 0
    assert not np.allclose(next(iter(rows(out).values())), next(iter(whole.values())))


def test_what_cannot_be_embedded_is_a_sentence(
    trained: RunDirectory, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run, out = str(trained.path), str(tmp_path / "f.npz")
    (tmp_path / "folder.npz").mkdir()
    for given, to, sentence in (
        (str(pictures), str(tmp_path / "folder.npz"), "it is a folder"),
        (str(pictures / BROKEN), out, "None of the 1 images can be read. The first is "),
        (str(pictures / "none"), out, "there is no such file or folder"),
        (str(tmp_path), out, "There are no images in"),
        (str(pictures), str(tmp_path / "f.docx"), "written as .npz or .parquet"),
        (str(pictures), str(tmp_path / "none" / "f.npz"), "Cannot write"),
    ):
        assert main(["embed", run, given, "--out", to]) == 2
        assert sentence in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["folder.npz"]


def test_ids_are_paths_in_the_one_folder_or_as_given(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures)
    assert list_images(["."]).ids[0] == "cat/0000.png"
    several = list_images(["dog", "cat/0001.png", "cat/0001.png"])
    assert several.ids[0] == "dog/0006.png" and several.ids[-1] == "cat/0001.png" and len(several) == 7
    assert several.labels is None
