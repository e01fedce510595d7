"""What is searched is called by the name that a person gave it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsiam_core.features.folder_split import folder_of
from simsiam_core.features.unpacking import unpack
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunStore
from simsiam_core.ui.components.image_banks import allowed, banks, split_name
from simsiam_core.ui.context import Context


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """One folder below the root, and one zip that was dropped on the page."""
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "root" / "holiday photos"
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number}.png")
    with zipfile.ZipFile(tmp_path / "hand signs.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    unpack(tmp_path / "hand signs.zip")
    return Context(RunStore(tmp_path / "runs"), None, bank_root=tmp_path / "root")  # type: ignore[arg-type]


def test_folders_and_zips_are_listed_and_captioned_by_name(context: Context) -> None:
    """Kind: "zip 0ae981" and "folder" stood where a person looks for the name of the file."""
    listed = banks(context)
    titles = [title for title, _ in listed]
    assert titles == ["training images", "test images", "folder holiday photos", "zip hand signs.zip"]
    captions = [split_name(value) for _, value in listed]
    assert captions == [
        "training images",
        "test images",
        "images of holiday photos",
        "images of hand signs.zip",
    ]


def test_only_what_is_listed_is_searched(context: Context) -> None:
    (value,) = [value for title, value in banks(context) if title.startswith("zip")]
    assert allowed(context, value) == value and folder_of(value)
    for other in ("folder:/etc", "../..", None):
        with pytest.raises(WorkError, match="not one of the folders"):
            allowed(context, other)
