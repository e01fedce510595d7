"""Model cards in the format of the Hugging Face Hub: what an exported network is, and how good it was measured."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import simsiam_core
from simsiam_core.data.sources import SOURCES
from simsiam_core.evaluation.citation import citation
from simsiam_core.evaluation.exporter import Exporter, FeaturesExporter
from simsiam_core.evaluation.results import COLUMNS, figures_of
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.model import Encoder, fingerprint, load_encoder
from simsiam_core.names import printable
from simsiam_core.runs import Checkpoint, RunDirectory, RunError
from simsiam_core.runs.disk import counted
from simsiam_core.runs.evaluations import results
from simsiam_core.runs.files import write_text
from simsiam_core.runs.imported import imported_files, is_imported

CARD = "README.md"  # of a folder
KEPT_CARD = "MODEL_CARD.md"  # of a folder that has another README.md
UNKNOWN = "unknown"  # the Hub's word for a licence that is not
MARK = (
    "<!-- Written by `simsiam export`, and anew by every export to this name unless this line is deleted. -->"
)


@dataclass(frozen=True)
class CardFigure:
    """A measured accuracy, 0 to 1, with its settings (k and T, or the protocol), images and split."""

    name: str
    value: float
    settings: str
    data: str  # the source of the images it was measured on, which may be others than those of training
    split: str


def write_card(
    run: RunDirectory, checkpoint: Checkpoint, exporter: Exporter, out: Path, licence: str
) -> list[Path]:
    """Write the model card of an export: `README.md` in a folder, `<out>.md` beside a file.

    A file of that name that was not written here, or was edited, is kept: the card of a folder is then called
    `MODEL_CARD.md`, and there is none beside a file. Returns the paths written. Raises CheckpointError.
    """
    names = [out / CARD, out / KEPT_CARD] if out.is_dir() else [out.with_name(out.name + ".md")]
    for path in names:
        if not os.path.lexists(path) or _is_ours(path):
            write_text(path, model_card(run, checkpoint, exporter, printable(out.name), licence))
            return [path]
    return []


def _is_ours(path: Path) -> bool:
    try:
        return MARK in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def model_card(
    run: RunDirectory, checkpoint: Checkpoint, exporter: Exporter, file: str, licence: str = ""
) -> str:
    """Return the card of a checkpoint exported as `file`: YAML for the Hub, then the same for people."""
    encoder = load_encoder(checkpoint.path)
    header = checkpoint.header()
    recipe: Mapping[str, Any] = header.recipe if header else {}
    name, imported = encoder.config.name or run.id, is_imported(run.path)
    trained = _imported(run) if imported else _trained(encoder, recipe)
    figures = list(measured(run, checkpoint, encoder))
    data = encoder.config.data
    about = {
        "license": licence or recipe.get("licence") or UNKNOWN,
        "library_name": exporter.library,
        "pipeline_tag": "image-feature-extraction",
        "tags": [*([] if imported else _tags(encoder)), "feature-extraction"],
        **({"datasets": [data.source]} if not (imported or _is_private(data.source)) else {}),
        **({"metrics": ["accuracy"], "model-index": [_index(name, figures)]} if figures else {}),
    }
    front = yaml.safe_dump(about, sort_keys=False, allow_unicode=True)
    sections = [
        f"---\n{front}---\n\n{MARK}\n\n# {name}\n\n{_summary(encoder, trained)}",
        _use(encoder, exporter, file),
        _figures(figures),
        "" if imported else _recipe(encoder),
        "" if imported else _citation(encoder),
        f"## Origin\n\nRun `{run.id}`, checkpoint `{checkpoint.name}` (fingerprint `{fingerprint(checkpoint.path)}`), "
        f"exported by version {simsiam_core.__version__} of the [SimSiam](https://arxiv.org/abs/2011.10566) dashboard.",
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def measured(run: RunDirectory, checkpoint: Checkpoint, encoder: Encoder) -> Iterator[CardFigure]:
    """Yield what training and evaluations measured of exactly this checkpoint, the newest of equal settings."""
    knn = _knn(run)
    lines = [
        line[KNN_ACCURACY] for line in run.metrics() if line["step"] == encoder.step and KNN_ACCURACY in line
    ]
    if lines and knn:
        source = encoder.config.data.source
        yield CardFigure("kNN accuracy", lines[-1], knn, source, "test, measured during training")
    found: dict[tuple[str, str, str], CardFigure] = {}
    for result in results(run)[0]:
        stamp = result["stamp"]
        if stamp.get("checkpoint_fingerprint") != fingerprint(checkpoint.path):
            continue
        split = f"{stamp.get('reported_on', 'test')}, {stamp.get('test_images', 0):,} images"
        for key, figure in figures_of(result["kind"], result["figures"], stamp):
            if key != "scratch":  # another network's
                title, data = f"{COLUMNS[key].title} accuracy", str(stamp.get("data", ""))
                made = CardFigure(title, figure.value, figure.settings, data, split)
                found[title, figure.settings, data] = made
    yield from found.values()


def _knn(run: RunDirectory) -> str:
    try:
        knn = run.config().knn
    except RunError:
        return ""
    return f"k {knn.k or 'by class size'}, T {knn.temperature:g}"


def _is_private(source: str) -> bool:
    """Return whether a source's images are a person's own, or drawn by the program: no data set of the Hub."""
    if source not in SOURCES.names:
        return True
    entry = SOURCES.get(source)
    return entry.needs_path or entry.generated


def _index(name: str, figures: list[CardFigure]) -> dict[str, Any]:
    """Return the Hub's `model-index`: the figures by the images they were measured on."""
    task = {"type": "image-classification", "name": "Classification on frozen features"}
    by_data: dict[str, list[dict[str, Any]]] = {}
    for figure in figures:
        about = f"{figure.name} ({figure.settings}; {figure.split})"
        metric = {"type": "accuracy", "name": about, "value": round(figure.value, 4)}
        by_data.setdefault(figure.data, []).append(metric)
    results = [
        {"task": dict(task), "dataset": {"name": data, "type": data}, "metrics": metrics}
        for data, metrics in by_data.items()
    ]
    return {"name": name, "results": results}


def _summary(encoder: Encoder, trained: str) -> str:
    size = f"{_parameters(encoder)} parameters, {encoder.dim:,} features an image"
    return f"Backbone `{encoder.config.model.backbone}`, {size}, {trained}"


def _tags(encoder: Encoder) -> list[str]:
    return ["self-supervised-learning", encoder.config.objective.method.replace("_", "-")]


def _imported(run: RunDirectory) -> str:
    """Say from which files a run was imported; how they were trained is not recorded."""
    files = [f"`{printable(file.name)}` (sha256 `{file.sha256}`)" for file in imported_files(run.path)]
    names = ", ".join(files) or "a file"
    return f"trained by another program and imported from {names}. Its training is not recorded here."


def _trained(encoder: Encoder, recipe: Mapping[str, Any]) -> str:
    """Say how a network was trained here, and on what."""
    data = encoder.config.data
    where = f"`{Path(data.path).name}`, a folder of images" if data.path else f"`{data.source}`"
    classes = f" Classes of these images: {', '.join(encoder.classes)}." if encoder.classes else ""
    started = f" It started from: {source}." if (source := _source(recipe)) else ""
    epochs = counted(encoder.epoch, "epoch")
    trained = f"trained with the method `{encoder.config.objective.method}` for {epochs} on {where}, without labels."
    return f"{trained if encoder.epoch else 'not trained here yet.'}{started}{classes}"


def _source(recipe: Mapping[str, Any]) -> str:
    """Return where the weights came from before training, as text; empty if they were random."""
    source = recipe.get("weights_source")
    if isinstance(source, Mapping):
        return ", ".join(f"{key} {value}" for key, value in source.items())
    return str(source) if source else ""


def _parameters(encoder: Encoder) -> str:
    return f"{sum(value.numel() for value in encoder.backbone.parameters()) / 1e6:.2f} million"


def _use(encoder: Encoder, exporter: Exporter, file: str) -> str:
    size = encoder.config.data.image_size
    mean, std = ([round(value, 4) for value in values] for values in (encoder.mean, encoder.std))
    code = f"\n\n```python\n{exporter.usage(encoder, file)}\n```" if exporter.usage else ""
    shape, out = (
        f"float32 [B, 3, {size}, {size}], RGB",
        f"Out: float32 [B, {encoder.dim}]; divide by the l2 norm",
    )
    if isinstance(exporter, FeaturesExporter):
        out = f"In the file: id, class and float32 [{encoder.dim}] of each image, already divided by the l2 norm,"
    return (
        f"## Use{code}\n\nIn: {shape}. Resize the shorter side to {size} px (bilinear, antialiased), crop the centre, "
        f"scale to 0..1, subtract the mean {mean} and divide by the std {std}. {out} to compare images by cosine "
        "similarity."
    )


def _figures(figures: list[CardFigure]) -> str:
    if not figures:
        return "## Figures\n\nNone were measured of this checkpoint."
    rows = [f"| {f.name} | {100 * f.value:.1f} % | {f.settings} | {f.data} | {f.split} |" for f in figures]
    head = ["| figure | value | settings | images | split |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(["## Figures\n", *head, *rows])


def _recipe(encoder: Encoder) -> str:
    config = encoder.config.model_dump(mode="json")
    shown = {name: config[name] for name in ("model", "objective", "augmentation", "optimiser", "training")}
    data = {name: value for name, value in config["data"].items() if name != "path"}
    shown["model"].pop(
        "weights", None
    )  # may name a file of this machine; the summary says where they are from
    text = yaml.safe_dump({"data": data, **shown}, sort_keys=False, allow_unicode=True)
    return f"## Recipe\n\n```yaml\n{text}```"


def _citation(encoder: Encoder) -> str:
    papers = citation(encoder.config)
    return f"## Citation\n\n```bibtex\n{papers}\n```" if papers else ""
