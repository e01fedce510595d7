"""The bundled pre-trained encoder, installed as a finished, read-only run.

`assets/bundled/` holds its backbone in half precision, its training config, its training curves and a model
card. The installed run uses `textures` as data, which need no download, and can also search the user's
images.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from simsiam_core.assets import asset_path
from simsiam_core.config import Config, ConfigError, dump_yaml, merge, parse, read_yaml
from simsiam_core.model.checkpoint import BACKBONE_PREFIX, RECIPE, load_encoder
from simsiam_core.runs import BUNDLED, Notes, RunDirectory, RunStore, Status
from simsiam_core.runs.files import write_text
from simsiam_core.runs.metrics import COORDINATES, MetricLine

BUNDLE_DIR = asset_path("bundled")
WEIGHTS, CONFIG, METRICS, CARD = "backbone.safetensors", "config.yaml", "metrics.jsonl", "README.md"
RECIPE_FILE = "recipe.json"  # what a checkpoint holds besides config and weights
POINTS_KEPT = 400  # of each metric's curve, evenly spaced, the first and the last among them


def install(store: RunStore, bundle: Path = BUNDLE_DIR) -> RunDirectory | None:
    """Install the bundled encoder as a run, unless the store or its trash has it; returns the run, or None.

    A deleted bundled run stays in the trash and is not reinstalled. Raises OSError.
    """
    from safetensors.torch import load_file

    if (
        any(run.id == BUNDLED for run in (*store.runs(), *store.trashed()))
        or not (bundle / WEIGHTS).is_file()
    ):
        return None
    trained = parse(read_yaml(bundle / CONFIG))
    recipe = json.loads((bundle / RECIPE_FILE).read_text(encoding="utf-8"))
    weights = load_file(bundle / WEIGHTS)
    state = {
        BACKBONE_PREFIX + name: value.float() if value.is_floating_point() else value
        for name, value in weights.items()
    }
    checkpoint = {
        "state_dict": state,
        "global_step": recipe.pop("global_step"),
        RECIPE: {"config": trained.model_dump(mode="json"), **recipe},
    }
    store.path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=store.path, prefix=".bundled-", ignore_cleanup_errors=True
    ) as folder:
        made = Path(folder) / BUNDLED
        _write(RunDirectory(made), trained, checkpoint, recipe, bundle)
        made.rename(store.path / BUNDLED)  # atomic: the scheduler never sees a partial run
    return RunDirectory(store.path / BUNDLED)


def _write(
    run: RunDirectory, trained: Config, checkpoint: dict[str, Any], recipe: dict[str, Any], bundle: Path
) -> None:
    run.checkpoints_dir.mkdir(parents=True)
    run.write_config(shown(trained))
    # The config names the data it shows; the data it was trained and evaluated on goes into the notes.
    tags = (f"trained on {trained.data.source}",)
    card = (bundle / CARD).read_text(encoding="utf-8")
    run.write_notes(Notes(name="bundled", tags=tags, text=card))
    shutil.copyfile(bundle / METRICS, run.metrics_path)
    target = run.checkpoints_dir / f"epoch={recipe['epochs_done']:04d}.ckpt"
    torch.save(checkpoint, target)
    (run.checkpoints_dir / "last.ckpt").symlink_to(target.name)
    steps = int(checkpoint["global_step"])
    run.write_status(
        Status(
            state="finished",
            step=steps,
            total_steps=steps,
            epoch=recipe["epochs_done"],
            device=recipe["device"],
            created=recipe["created"],
            started=recipe["started"],
            ended=recipe["ended"],
            exit_code=0,
        )
    )


def pack(run: RunDirectory, bundle: Path, source: str) -> Path:
    """Write a run's last checkpoint as a bundle whose config names `source` as the training data.

    The model card, README.md, is written by hand. Raises ConfigError, CheckpointError or RunError.
    """
    try:
        from safetensors.torch import save_file
    except ImportError:
        raise ConfigError.at("format", "A bundle needs the package safetensors; install it first.") from None

    encoder, status, lines = load_encoder(run.checkpoint().path), run.status(), run.metrics()
    data = {
        **encoder.config.data.model_dump(),
        "source": source,
        "path": None,
    }  # a path is meaningless on other machines
    half = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in encoder.backbone.state_dict().items()
    }
    ended = status.ended or status.heartbeat
    recipe = {
        "mean": encoder.mean,
        "std": encoder.std,
        "classes": encoder.classes,
        "epochs_done": encoder.epoch,
        "global_step": encoder.step,
        "device": status.device,
        "created": status.created,
        "started": ended - status.working_seconds,
        "ended": ended,
    }
    bundle.mkdir(parents=True, exist_ok=True)
    save_file(half, bundle / WEIGHTS, metadata={"format": "pt"})
    write_text(bundle / CONFIG, dump_yaml(parse(merge(encoder.config.model_dump(), {"data": data}))))
    write_text(bundle / RECIPE_FILE, json.dumps(recipe, indent=1) + "\n")
    write_text(bundle / METRICS, "".join(json.dumps(line) + "\n" for line in thinned(lines)))
    return bundle


def thinned(lines: Sequence[MetricLine]) -> list[MetricLine]:
    """Return the lines that are worth their bytes: at most `POINTS_KEPT` of each metric, whatever its cadence."""
    kept: set[int] = set()
    for name in {name for line in lines for name in line if name not in COORDINATES}:
        having = [index for index, line in enumerate(lines) if name in line]
        gaps = max(1, min(len(having), POINTS_KEPT) - 1)
        kept.update(having[place * (len(having) - 1) // gaps] for place in range(gaps + 1))
    return [lines[index] for index in sorted(kept)]


def shown(trained: Config) -> Config:
    """Return the config of the installed run: the training config with data that is always available."""
    data = {"source": "textures", "train_limit": None, "test_limit": None}
    return parse(merge(trained.model_dump(), {"data": data, "name": "bundled"}))
