"""What a job runs: parse, load, build, train, and a last word in every case."""

from __future__ import annotations

import contextlib
import gc
import shutil
import sys
import time
import traceback

import pytorch_lightning as pl
import torch

from simsiam_core.config import ConfigError
from simsiam_core.data import check_fit, load
from simsiam_core.data.augmentation import cpu_kernel
from simsiam_core.data.left_out import left_out_lines
from simsiam_core.data.memory import is_out_of_memory
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.runs import FIRST_STEP, MetricsWriter, Origin, RunDirectory
from simsiam_core.runs.files import remove_leftovers
from simsiam_core.runs.metrics import cut_path, rewind
from simsiam_core.runs.status import DISK_FULL
from simsiam_core.training import compilation
from simsiam_core.training.allocator import kept_memory
from simsiam_core.training.callbacks import (
    CheckpointCallback,
    KnnCallback,
    MetricsCallback,
    StopCallback,
    TrainingFailure,
    measured_steps,
)
from simsiam_core.training.collapse import CollapseWatch
from simsiam_core.training.device import computing, resolve_device
from simsiam_core.training.estimate import work
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.memory import address_space, memory_sentence
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.ranks import together
from simsiam_core.training.resume import Found, newest
from simsiam_core.training.same_images import check_same_images, identity, image_list
from simsiam_core.training.status import StatusWriter
from simsiam_core.training.trainer import build_trainer


def train(
    run: RunDirectory, extra_callbacks: tuple[pl.Callback, ...] = (), request: StopRequest | None = None
) -> int:
    """Train a run from its directory and return the exit code: 0 finished or stopped, 1 failed, 2 bad input.

    A run that has checkpoints goes on from the newest one.

    Whatever happens, the status ends in a final state with a sentence; only a killed process leaves none.
    """
    status, request = StatusWriter(run), request or StopRequest()
    try:
        with request.raising():
            state, code = _fit(run, status, extra_callbacks, request), 0
        error = status.status.error
    except ConfigError as problem:
        state, error, code = "failed", str(problem), 2
    except TrainingFailure as problem:
        state, error, code = "failed", f"{problem} {_way_back(run)}", 1
    except KeyboardInterrupt:
        state, error, code = request.state or "stopped", None, 0
    except Exception as problem:
        state, code = "failed", 1
        if isinstance(problem, OSError) and problem.errno in DISK_FULL:
            error = _disk_full(run)
        elif is_out_of_memory(problem):
            error = f"Memory ran out before training began; use fewer or smaller images. {_way_back(run)}"
        else:
            error = f"{type(problem).__name__}: {problem}"
            with contextlib.suppress(OSError):
                traceback.print_exc()
    status.beat(force=True, state=state, error=error, exit_code=code, ended=time.time(), activity="")
    if error:
        with contextlib.suppress(OSError):  # a full disk has no room for the log either
            print(error, file=sys.stderr, flush=True)
    return code


def _way_back(run: RunDirectory) -> str:
    """What is left to go on from, as a sentence."""
    found = newest(run)
    if found is None:
        return "There is no checkpoint to go on from."
    return f"The last good checkpoint is {found.name} (step {found.step}); a fork can go on from it."


def _disk_full(run: RunDirectory) -> str:
    sizes = [c.path.stat().st_size for c in run.checkpoints()]
    config = run.config()
    # Weights and momentum in fp32, where no checkpoint was written yet.
    needed = max(sizes) if sizes else 8 * work(config).parameters
    free = shutil.disk_usage(run.path).free
    found = newest(run)
    step = f" from step {found.step}" if found else ""
    return (
        f"The disk is full, or a size limit is reached: a checkpoint takes {_size(needed)}, and {_size(free)} are "
        f"free at {run.path}. Make room, then Resume goes on{step}; nothing before it is lost."
    )


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _fit(
    run: RunDirectory, status: StatusWriter, extra_callbacks: tuple[pl.Callback, ...], request: StopRequest
) -> str:
    """Train; returns the state that the run ends in. Until the first step may come, a stop request raises."""
    config = run.config()
    accelerator, precision = resolve_device(config.training)
    dataset = load(config.data, status.progress)
    for line in (*dataset.notes, *left_out_lines(dataset.skipped)):
        print(line)
    check_fit(config, len(dataset.train))
    remove_leftovers(run.checkpoints_dir)
    found = newest(run)
    images = image_list(config, dataset)
    origin = _origin(run, found)
    if found and not (origin and found.step <= origin.step):
        check_same_images(run, found, config, dataset, images)
    if images:
        images.write(run.images_path)
    if cut := rewind(run.metrics_path, found.step if found else -1):
        print(f"{cut} later lines of the record were put aside in {cut_path(run.metrics_path).name}.")
    collapse = CollapseWatch()

    def on_failure(error: str) -> None:
        error = f"{error} {_way_back(run)}"
        status.beat(force=True, state="failed", error=error, exit_code=1, ended=time.time(), activity="")

    out_of_memory = False
    status.beat(force=True, activity="Starting")
    with (
        contextlib.closing(MetricsWriter(run.metrics_path)) as writer,
        together(run, config.training.devices, accelerator == "gpu", on_failure) as ranks,
    ):
        pl.seed_everything(config.training.seed, verbose=False)
        module = SimSiamModule(config, dataset, ranks, origin, identity(images))
        module.activity = lambda text: status.beat(force=True, activity=text)
        _announce(module, status, found, accelerator, precision)
        metrics = MetricsCallback(writer, status, collapse, request)
        checkpoints = CheckpointCallback(run, config.checkpoints, metrics)
        evaluation = Evaluation(config, dataset, ranks)
        callbacks: list[pl.Callback] = [metrics, *extra_callbacks, checkpoints]
        if evaluation.possible:
            interrupts = request if ranks.count == 1 else None
            callbacks.append(KnnCallback(evaluation, writer, status, measured_steps(run), interrupts))
        watched = collapse if config.training.stop_on_collapse else None
        callbacks.append(StopCallback(request, ranks, checkpoints, watched))
        trainer = build_trainer(config, callbacks, ranks)
        if accelerator == "cpu":
            cpu_kernel()  # what its compiler takes is none of the steps'
        request.poll()
        taken = address_space()
        try:
            with kept_memory(), computing(precision, accelerator):
                trainer.fit(module, ckpt_path=found.path if found else None, weights_only=True)
        except Exception as problem:
            if not is_out_of_memory(problem):
                raise
            out_of_memory = True  # left first: the exception keeps the tensors of its frames alive
    if out_of_memory:
        gc.collect()
        compilation.undo(module.network)  # other batch sizes are tried: each would be compiled anew
        raise TrainingFailure(memory_sentence(module, precision, accelerator == "gpu", taken))
    if watched and watched.sentence:
        status.beat(error=watched.sentence)
    if trainer.global_step >= module.total_steps:
        return "finished"
    if request.state is None:
        raise TrainingFailure(f"Training ended at step {trainer.global_step} of {module.total_steps}.")
    return request.state


def _origin(run: RunDirectory, found: Found | None) -> Origin | None:
    """Where epochs are counted from; a checkpoint from before it, where the later ones are lost, takes its place."""
    origin = run.origin()
    if origin is None or (found and found.step >= origin.step):
        return origin
    earlier = Origin(found.step, found.epoch) if found else FIRST_STEP
    run.write_origin(earlier)
    return earlier


def _announce(
    module: SimSiamModule, status: StatusWriter, found: Found | None, accelerator: str, precision: str
) -> None:
    """Say in the log and the status what begins, and where."""
    count, total = module.ranks.count, module.total_steps
    if accelerator == "gpu":
        device = (f"{count} × " if count > 1 else "") + torch.cuda.get_device_name()
    else:
        processes = f" in {count} processes" if count > 1 else ""
        threads = count * torch.get_num_threads()
        device = f"CPU, {threads} thread{'s' if threads > 1 else ''}{processes}"
    status.beat(force=True, total_steps=total, device=device)
    images = len(module.dataset.train)
    print(f"{images} images, {total} steps on {device}, precision {precision}")
    if found:
        print(f"Going on from {found.name}, step {found.step} of {total}", flush=True)
        status.beat(force=True, step=found.step, epoch=found.epoch)
