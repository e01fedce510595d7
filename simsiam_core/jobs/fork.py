"""Forks: new runs that continue from a checkpoint of another run with changed settings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from simsiam_core.config import Config, ConfigError, merge, parse
from simsiam_core.config.network import SETTING_OF, network_settings
from simsiam_core.config.unused import refuse_unused
from simsiam_core.jobs.control import check_trainable, steps_per_epoch
from simsiam_core.runs import FIRST_STEP, Checkpoint, Notes, Origin, RunDirectory, RunError, RunStore, Status
from simsiam_core.runs.files import write_text
from simsiam_core.runs.placement import read_placement

# Like the network's settings, these are fixed: the optimiser's state and the step count depend on them.
FIXED_IN_A_FORK: dict[str, Callable[[Config], Any]] = {
    "data.source": lambda config: config.data.source,
    "data.image_size": lambda config: config.data.image_size,
    "data.train_limit": lambda config: config.data.train_limit,
    "data.test_limit": lambda config: config.data.test_limit,
    "training.batch_size": lambda config: config.training.batch_size,
    "optimiser.algorithm": lambda config: config.optimiser.algorithm,
    "optimiser.layer_decay": lambda config: config.optimiser.layer_decay == 1,  # its groups of parameters
}
NEW_IMAGES = frozenset({"data.source", "data.train_limit", "data.test_limit"})  # may change with `new_images`


def fork(
    store: RunStore,
    run: RunDirectory,
    checkpoint: str,
    changes: Mapping[str, Any],
    *,
    new_images: bool = False,
) -> RunDirectory:
    """Create a queued run that continues from a checkpoint of another run with changed settings.

    Metrics and checkpoints up to that step are copied. With `new_images` it trains on the images as they are
    now, from the last complete epoch: the step count continues, and the schedule follows the epoch length
    given by the new images. Raises RunError or ConfigError.
    """
    check_trainable(run)
    config, found, status = run.config(), run.checkpoint(checkpoint), run.status()
    new = parse(merge(config.model_dump(), changes))
    _check_fit(config, new, new_images)
    refuse_unused(new, changes)
    header = found.header()
    if header is None:
        raise RunError(f"Checkpoint {found.name} of run {run.id} cannot be read; choose another one.")
    if header.epoch >= new.training.epochs:
        raise ConfigError.at(
            "training.epochs",
            f"The checkpoint has {header.epoch} epochs, {header.step} steps; the fork must have more epochs.",
        )
    origin = run.origin()
    if new_images or (origin and header.step < origin.step):
        origin = Origin(header.step, header.epoch)
    total = (origin or FIRST_STEP).total_steps(steps_per_epoch(run, config, status), new.training.epochs)
    before = Status(state="paused", step=header.step, total_steps=total, epoch=header.epoch)
    place = read_placement(run.path).fresh()
    copy = store.create(new, before, Notes(forked_from=f"{run.id} {found.name}"), place)
    if origin is not None:
        copy.write_origin(origin)
    if run.images_path.exists() and not new_images:
        shutil.copyfile(run.images_path, copy.images_path)
    _copy_record(run, copy, found, header.step)
    copy.update_status(state="queued")
    return copy


def _check_fit(config: Config, new: Config, new_images: bool) -> None:
    """Check that a checkpoint of `config` fits `new`. Raises ConfigError."""
    before, after = network_settings(config), network_settings(new)
    changed = [f"model.{name}" for name, value in before.model if value != getattr(after.model, name)]
    changed += [SETTING_OF[part] for part in SETTING_OF if getattr(before, part) != getattr(after, part)]
    changed += [path for path, value in FIXED_IN_A_FORK.items() if value(config) != value(new)]
    for path in changed:
        if not (new_images and path in NEW_IMAGES):
            sentence = f"A fork cannot change {path}: the checkpoint would not fit; start a new run instead."
            if path in NEW_IMAGES:
                sentence = f"A fork cannot change {path} unless it goes on with new images: add --new-data."
            raise ConfigError.at(path, sentence)


def _copy_record(run: RunDirectory, copy: RunDirectory, found: Checkpoint, step: int) -> None:
    """Copy checkpoints and metric lines up to `step`; `found` is the checkpoint to continue from."""
    for other in run.checkpoints():
        header = other.header() if other.epoch is not None else None
        if header is not None and header.step <= step:
            shutil.copy2(other.path, copy.checkpoints_dir / other.path.name)
    shutil.copyfile(found.path, copy.checkpoints_dir / "last.ckpt")
    lines = [line for line in run.metrics() if line["step"] <= step]
    write_text(copy.metrics_path, "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
