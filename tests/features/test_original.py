from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from features.conftest import TINY, write_checkpoint
from PIL import Image
from tiny import tiny

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset, ImageError, load
from simsiam_core.features.original import LONGEST, Original, original
from simsiam_core.runs import RunDirectory, RunStore


def shown(found: Original) -> Image.Image:
    return Image.open(io.BytesIO(found.content))


@pytest.fixture
def photos(store: RunStore, tmp_path: Path) -> RunDirectory:
    """A run on files of 60 × 40 px, seen by its network at 16 px."""
    for index in range(12):
        folder = tmp_path / "photos" / ("red" if index % 2 else "blue")
        folder.mkdir(parents=True, exist_ok=True)
        colour = (250, 10 * index, 0) if index % 2 else (0, 10 * index, 250)
        Image.new("RGB", (60, 40), colour).save(folder / f"{index}.png")
    config = tiny(data={"source": "folder", "path": str(tmp_path / "photos")})
    run, dataset = store.create(config), load(config.data)
    write_checkpoint(run, "last", config, dataset.mean, dataset.std, seed=0)
    return run


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_image_of_a_folder_is_shown_as_its_file_has_it(photos: RunDirectory, split: str) -> None:
    image_id = load(photos.config().data).split(split).ids[0]
    found = original(photos.path, split, image_id)
    assert (found.width, found.height, found.whole) == (60, 40, True)
    assert shown(found).size == (60, 40)


def test_images_without_files_are_shown_as_they_are(run: RunDirectory, dataset: Dataset) -> None:
    found = original(run.path, "train", dataset.train.ids[3])
    assert (found.width, found.height, found.whole) == (TINY.data.image_size, TINY.data.image_size, False)
    pixels = dataset.train.images[3].permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(shown(found)), pixels)


def test_an_upload_is_shown_whole_and_a_huge_one_smaller(run: RunDirectory) -> None:
    content = io.BytesIO()
    Image.new("RGB", (2 * LONGEST, LONGEST)).save(content, "png")
    found = original(run.path, "train", content.getvalue())
    assert (found.width, found.height) == (2 * LONGEST, LONGEST)
    assert shown(found).size == (LONGEST, LONGEST // 2)


def test_what_is_not_there_is_one_sentence(photos: RunDirectory) -> None:
    with pytest.raises(ConfigError, match="has no image 'other"):
        original(photos.path, "train", "other.png")
    image_id = load(photos.config().data).train.ids[0]
    (Path(photos.config().data.path) / image_id).unlink()
    with pytest.raises(ImageError):
        original(photos.path, "train", image_id)
