"""An image as its file has it, for a person to look at: not the small square that the network is given."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simsiam_core.features.folder_split import folder_of
from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from PIL import Image

    from simsiam_core.data import Dataset, ImageError, Progress

LONGEST = 1600  # px; what is larger is shown smaller
QUALITY = 90


@dataclass(frozen=True)
class Original:
    """A JPEG or PNG, and the size of the image in its file; `whole` unless only the network's pixels are there."""

    content: bytes
    kind: str  # "image/jpeg" or "image/png"
    width: int
    height: int
    whole: bool


def original(run_path: Path, split: str, query: bytes | str, progress: Progress | None = None) -> Original:
    """Return the image of a query, which is the content of a file or the id of an image of the run's data.

    Raises ConfigError for an unknown id, ImageError for a file that is gone or damaged.
    """
    from PIL import Image

    from simsiam_core.data import ImageError
    from simsiam_core.features import inspection, loaded

    if isinstance(query, bytes):
        return _of_file(query)
    data = RunDirectory(run_path).config().data
    images, row = loaded.find(data, query, split)
    folder = folder_of(split)
    dataset = loaded.folder_dataset(folder, data.image_size) if folder else loaded.dataset(data)
    source = _file(dataset, query)
    if isinstance(source, ImageError):
        raise source
    if source is not None:
        return _of_file(source)
    return _encoded(Image.fromarray(inspection.pixels(images.images[row])), "png", whole=False)


def _file(dataset: Dataset, image_id: str) -> Path | bytes | ImageError | None:
    """Return the file of an image, or None where the data set has no files."""
    return None if dataset.encoded is None else next(iter(dataset.encoded([image_id])))


def _of_file(source: Path | bytes) -> Original:
    from PIL import Image

    from simsiam_core.data.image_file import read_resized, upright_size

    height, width = upright_size(source)
    scale = min(1.0, LONGEST / max(height, width))
    pixels = read_resized(source, max(1, round(height * scale)), max(1, round(width * scale)))
    image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    return _encoded(image, "jpeg", size=(width, height))


def _encoded(
    image: Image.Image, kind: str, *, size: tuple[int, int] | None = None, whole: bool = True
) -> Original:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, quality=QUALITY)
    return Original(buffer.getvalue(), f"image/{kind}", *(size or image.size), whole)
