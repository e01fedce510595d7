"""The public API: what a script may ask of the dashboard by name, behind the same door as the page.

Every endpoint takes and returns plain JSON. What is wrong comes back as one sentence; a dashboard that only looks
(`--read-only`) refuses `start`. docs/http.md shows each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from pydantic import ValidationError, validate_call

from simsiam_core.config import Config, ConfigError, merge, parse, preset
from simsiam_core.features.map_settings import MapSettings
from simsiam_core.features.maps import Map, draw_map
from simsiam_core.features.retrieval import Answer, Question, neighbours
from simsiam_core.features.worker import WorkError
from simsiam_core.jobs import enqueue
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.components import image_banks
from simsiam_core.ui.components.question import MAX_UPLOAD_BYTES
from simsiam_core.ui.context import Context

Json = dict[str, Any]
NOT_AN_IMAGE = (
    "image must be a file that was uploaded here (handle_file) or the id of one of the run's images."
)
MOST_LINES = 100_000  # of a run's metrics in one answer


def build(context: Context) -> None:
    """Add the endpoints to the page that is being built."""
    endpoints = Endpoints(context)
    changing, reading = {"concurrency_limit": 1}, {"concurrency_limit": None}
    for function, limits in (
        (endpoints.start, changing),
        (endpoints.runs, reading),
        (endpoints.status, reading),
        (endpoints.metrics, reading),
        (endpoints.neighbours, reading),
        (endpoints.map, reading),
    ):
        gr.api(_answering(function), api_name=function.__name__, **limits)


class Endpoints:
    """The functions behind the endpoints; each is published under its own name."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def start(self, settings: dict[str, Any], preset: str = "") -> dict[str, Any]:
        """Queue a run with these settings, by section as in a YAML file, over those of a preset if one is named."""
        config = parse(merge(_preset(preset), settings))
        self._check(config)
        place = self._context.usual_placement()
        (run, *_) = self._context.change(lambda: enqueue(self._context.store, [config], placement=place))
        return self.status(run.id)

    def runs(self) -> list[dict[str, Any]]:
        """List every run, newest first, each as `status` tells it."""
        return [self._told(run) for run in self._context.store.runs()]

    def status(self, run: str) -> dict[str, Any]:
        """Tell how a run is doing: state, progress, last kNN accuracy, error, checkpoints."""
        return self._told(self._context.store.get(run))

    def metrics(self, run: str, after_step: int = 0, names: list[str] = []) -> dict[str, Any]:  # noqa: B006
        """Return what was recorded of a run after a step, at most 100,000 lines; of all metrics, or of those named."""
        found = self._context.store.get(run)
        wanted = {"step", "epoch", "time", *map(str, names)}
        lines = [line for line in found.metrics() if line["step"] > after_step][:MOST_LINES]
        if names:
            lines = [{key: line[key] for key in line if key in wanted} for line in lines]
            lines = [line for line in lines if line.keys() - {"step", "epoch", "time"}]
        return {"run": found.id, "lines": lines}

    def neighbours(
        self,
        run: str,
        image: dict[str, Any] | str,
        checkpoint: str = "last",
        k: int = 10,
        among: str = "train",
        temperature: float = 0.1,
    ) -> dict[str, Any]:
        """Return the images most similar to an uploaded one, or to one of the run's by id, and their vote."""
        found = self._context.store.get(run)
        name = found.checkpoint(checkpoint).name
        question = Question(image_banks.allowed(self._context, among), _content(image), k, temperature)
        for _ in self._context.encoded(found, name, question.split):
            pass  # the first question about a checkpoint waits until its features are there
        answer = self._context.worker.submit(neighbours, found.path, name, question).result()
        return {"run": found.id, "checkpoint": name, "among": among, **_answered(answer)}

    def map(
        self,
        run: str,
        checkpoint: str = "last",
        method: str = "umap",
        split: str = "train",
        sample: int = 5000,
        dimensions: int = 2,
    ) -> dict[str, Any]:
        """Return the map of a split under a checkpoint, drawn now unless it is there: ids, coordinates, labels."""
        found = self._context.store.get(run)
        name, bank = found.checkpoint(checkpoint).name, image_banks.allowed(self._context, split)
        settings = MapSettings(method, bank, sample, dimensions)
        for _ in self._context.encoded(found, name, bank):
            pass
        drawn = self._context.mapper.submit(draw_map, found.path, name, settings).result()
        return {"run": found.id, "checkpoint": name, "split": split, "method": method, **_drawn(drawn)}

    def _check(self, config: Config) -> None:
        """Raise ConfigError for images that are not there and networks that cannot be built."""
        self._context.counts.anew(config)
        self._context.networks.check(config)

    def _told(self, run: RunDirectory) -> Json:
        status = run.status()
        told = status.model_dump(
            include={"state", "activity", "device", "step", "total_steps", "epoch", "error", "created"}
        )
        return {
            "run": run.id,
            **told,
            "started": status.started,
            "ended": status.ended,
            "progress": round(status.progress, 4),
            "knn_accuracy": run.recent(KNN_ACCURACY).values.get(KNN_ACCURACY),
            "checkpoints": [checkpoint.name for checkpoint in run.checkpoints()],
        }


def _answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its arguments checked by their types, and its errors as sentences to the caller."""
    checked, parameters = validate_call(function), list(signature(function).parameters)

    @wraps(function)
    def answer(*given: Any, **named: Any) -> Any:
        try:
            return checked(*given, **named)
        except ValidationError as error:
            (first, *_) = error.errors()
            place = first["loc"][0]  # a position where arguments came without names, as from a page
            name = parameters[place] if isinstance(place, int) and place < len(parameters) else place
            raise gr.Error(f"{name}: {first['msg']}.", print_exception=False) from None
        except ConfigError as error:
            raise gr.Error(" ".join(p.message for p in error.problems), print_exception=False) from None
        except (RunError, WorkError, ValueError) as error:
            raise gr.Error(str(error), print_exception=False) from None

    return answer


def _preset(name: str) -> dict[str, Any]:
    return dict(preset(name).values) if name else {}


def _content(image: Any) -> bytes | str:
    """Return an uploaded file's content, or an id. Raises WorkError for all else, such as any other file's path."""
    if isinstance(image, str):
        return image
    try:
        path = Path(str(image["path"])).resolve(strict=True)
        if (
            not path.is_relative_to(Path(get_upload_folder()).resolve())
            or path.stat().st_size > MAX_UPLOAD_BYTES
        ):
            raise WorkError(NOT_AN_IMAGE)
        return path.read_bytes()
    except (TypeError, KeyError, OSError):
        raise WorkError(NOT_AN_IMAGE) from None


def _answered(answer: Answer) -> Json:
    return {
        "label": answer.query_label,
        "neighbours": [
            {"id": n.id, "label": n.label, "similarity": round(n.similarity, 5)} for n in answer.neighbours
        ],
        "votes": [{"label": vote.label, "share": round(vote.share, 5)} for vote in answer.votes],
    }


def _drawn(drawn: Map) -> Json:
    labels = None if drawn.labels is None else [drawn.classes[label] for label in drawn.labels.tolist()]
    return {
        "ids": list(drawn.ids),
        "coordinates": drawn.coordinates.round(4).tolist(),
        "labels": labels,
        "of": drawn.total,
    }
