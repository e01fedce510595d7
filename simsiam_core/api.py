"""The program from Python: open a run, and use its network on images.

Every error is a ValueError with one sentence: `RunError` for a run, checkpoint or evaluation that is missing,
`ImageError` for an image that cannot be read, `CheckpointError` for a damaged checkpoint, `ConfigError` for an
argument. Heavy packages are imported when a network is first used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from simsiam_core.config import Config
from simsiam_core.data.image_file import ImageError, read_image
from simsiam_core.evaluation.embedding import encode_block
from simsiam_core.evaluation.kinds import can_predict
from simsiam_core.evaluation.prediction import Predictor, load_predictor, newest_predictor
from simsiam_core.features import retrieval
from simsiam_core.features.encode import best_device
from simsiam_core.features.folder_split import folder_split
from simsiam_core.features.retrieval import Neighbour
from simsiam_core.model import Encoder, load_encoder
from simsiam_core.model.bundled import install
from simsiam_core.runs import BUNDLED, RunDirectory, RunError, RunStore
from simsiam_core.runs.evaluations import evaluations, find_evaluation

# A path of a file, a PIL image, a numpy array uint8 [H, W, 3] (or [H, W], grey), or a torch tensor uint8 [3, H, W].
Image: TypeAlias = str | os.PathLike[str] | PIL.Image.Image | np.ndarray | Tensor
# One image, several, or a batch: uint8 [N, H, W, 3] as an array, uint8 [N, 3, H, W] as a tensor.
Images: TypeAlias = Image | Iterable[Image]
T = TypeVar("T")

AT_ONCE = 256  # images decoded before they are encoded, which bounds the memory that many need


@dataclass(frozen=True)
class Prediction:
    """The class that a classifier gives to an image, its probability, and those of all classes."""

    label: str
    confidence: float
    probabilities: dict[str, float]


def open_run(run: str | os.PathLike[str], *, checkpoint: str = "last", save_dir: str = "runs") -> Run:
    """Open a run by its path, its id or a unique prefix of the id.

    `checkpoint` is "last" or such as "epoch=0010"; `save_dir` is the folder in which ids are looked for. Raises
    RunError if there is no such run or checkpoint.
    """
    return Run(RunStore(Path(save_dir)).find(os.fspath(run)), checkpoint)


def bundled(save_dir: str = "runs") -> Run:
    """Open the small trained encoder that comes with the program, installed in `save_dir` if it is not there.

    Raises RunError if it was deleted there, or cannot be written.
    """
    store = RunStore(Path(save_dir))
    try:
        install(store)
    except OSError as error:
        raise RunError(f"Cannot write to the runs folder {store.path}: {error.strerror}.") from None
    return Run(store.get(BUNDLED), "last")


class Run:
    """A run with one of its checkpoints: what its network makes of images."""

    def __init__(self, directory: RunDirectory, checkpoint: str = "last") -> None:
        self.directory = directory
        self._checkpoint = directory.checkpoint(checkpoint)

    def __repr__(self) -> str:
        return f"Run({self.id!r}, checkpoint={self._checkpoint.name!r})"

    @property
    def id(self) -> str:
        """The id of the run."""
        return self.directory.id

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.directory.path

    @property
    def checkpoint(self) -> str:
        """The name of the checkpoint that is used."""
        return self._checkpoint.name

    @property
    def checkpoints(self) -> list[str]:
        """The names of the run's checkpoints."""
        return [checkpoint.name for checkpoint in self.directory.checkpoints()]

    @property
    def evaluations(self) -> list[str]:
        """The ids of the evaluations that `predict` can use, newest first."""
        return [job.id for job in evaluations(self.directory) if can_predict(job)]

    def at(self, checkpoint: str) -> Run:
        """Return the run with another of its checkpoints. Raises RunError."""
        return Run(self.directory, checkpoint)

    def config(self) -> Config:
        """Return the config of the run. Raises RunError if it cannot be read."""
        return self.directory.config()

    def metrics(self) -> list[dict[str, float]]:
        """Return what was measured during training: a dict per line, by step."""
        return [dict(line) for line in self.directory.metrics()]

    def embed(self, images: Images) -> np.ndarray:
        """Return the features of images, float32 [N, D], l2-normalised: their products are cosine similarities.

        Raises ImageError or CheckpointError.
        """
        device = best_device()
        size = self._encoder.config.data.image_size
        parts = [encode_block(self._encoder, block, device).numpy() for block in _blocks(images, size)]
        return np.concatenate(parts) if parts else np.empty((0, self._encoder.dim), np.float32)

    def neighbours(
        self, image: Image, k: int = 10, *, among: str = "train", temperature: float | None = None
    ) -> list[Neighbour]:
        """Return the k images most similar to an image, each with its id, label, similarity and pixels.

        They are looked for among the run's "train" or "test" images, or in a folder given as `among`. Raises
        ImageError, RunError, CheckpointError or ConfigError.
        """
        split = (
            among if among in ("train", "test") else folder_split(os.path.abspath(os.path.expanduser(among)))
        )
        knn = self.config().knn
        question = retrieval.Question(split, _content(image), k, temperature or knn.temperature)
        return list(retrieval.neighbours(self.path, self.checkpoint, question).neighbours)

    def predict(self, images: Images, *, evaluation: str | None = None) -> list[Prediction]:
        """Classify images by an evaluation of the run: its trained classifier, or the vote of neighbours.

        `evaluation` is an id; None is the newest that can. Raises RunError if there is none, ImageError or
        CheckpointError.
        """
        predictor = self._predictor(evaluation)
        found = []
        for block in _blocks(images, predictor.image_size):
            for shares in predictor.probabilities(block).tolist():
                by_class = dict(zip(predictor.classes, shares, strict=True))
                label = max(by_class, key=by_class.__getitem__)
                found.append(Prediction(label, by_class[label], by_class))
        return found

    def _predictor(self, evaluation: str | None) -> Predictor:
        if evaluation is None:
            return load_predictor(newest_predictor(self.directory))
        return load_predictor(find_evaluation(self.directory, evaluation))

    @cached_property
    def _encoder(self) -> Encoder:
        return load_encoder(self._checkpoint.path)


# --- images -----------------------------------------------------------------------------------------


def _blocks(images: Images, size: int) -> Iterator[Tensor]:
    """Yield images as uint8 [n, 3, S, S], a block at a time. Raises ImageError for one that cannot be used."""
    waiting = iter(_listed(images))
    while some := list(islice(waiting, AT_ONCE)):
        yield torch.stack([_used(image, lambda source: read_image(source, size)) for image in some])


def _listed(images: Images) -> Iterable[Image]:
    """Return images one by one; a single image is a list of one."""
    if isinstance(images, np.ndarray | Tensor):
        return iter(images) if images.ndim == 4 else [images]
    if isinstance(images, str | os.PathLike | PIL.Image.Image) or not isinstance(images, Iterable):
        return [images]
    return images


def _content(image: Image) -> bytes:
    """Return the content of an image's file, of a PNG if it has none. Raises ImageError."""

    def content(source: Path | PIL.Image.Image) -> bytes:
        if isinstance(source, Path):
            return source.read_bytes()
        buffer = BytesIO()
        source.save(buffer, "PNG")
        return buffer.getvalue()

    return _used(image, content)


def _used(image: Image, use: Callable[[Path | PIL.Image.Image], T]) -> T:
    """Return what `use` makes of a path or a PIL image. Raises ImageError that names a file."""
    if not isinstance(image, str | os.PathLike):
        return use(image if isinstance(image, PIL.Image.Image) else _picture(image))
    path = Path(image).expanduser()
    try:
        return use(path)
    except ImageError as error:
        raise ImageError(f"{path} cannot be used: {error.reason}.") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from None


def _picture(pixels: np.ndarray | Tensor) -> PIL.Image.Image:
    """Return pixels as a PIL image. Raises ImageError for another type or shape."""
    wanted = "a path, a PIL image, a numpy array uint8 [H, W, 3] or a torch tensor uint8 [3, H, W]"
    if not isinstance(pixels, np.ndarray | Tensor):
        raise ImageError(f"An image is {wanted}, not {type(pixels).__name__}.")
    array = pixels.detach().cpu().numpy() if isinstance(pixels, Tensor) else pixels
    rgb = array.transpose(1, 2, 0) if isinstance(pixels, Tensor) and array.ndim == 3 else array
    if array.dtype != np.uint8 or rgb.ndim not in (2, 3) or (rgb.ndim == 3 and rgb.shape[2] not in (3, 4)):
        raise ImageError(f"An image is {wanted}, not {array.dtype} {list(array.shape)}.")
    return PIL.Image.fromarray(np.ascontiguousarray(rgb))
