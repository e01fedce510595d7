"""Worker process of a training job: load the data, train, and write the final status in every case."""

from __future__ import annotations

import contextlib
import gc
import shutil
import sys
import time
import traceback
from dataclasses import replace

import pytorch_lightning as pl
import torch

from simsiam_core.config import Config, ConfigError
from simsiam_core.config.unused import ignored_sentence
from simsiam_core.data import Dataset, check_fit, load
from simsiam_core.data.augmentation import cpu_kernel
from simsiam_core.data.larger import with_larger
from simsiam_core.data.left_out import left_out_lines
from simsiam_core.data.memory import is_out_of_memory
from simsiam_core.jobs.ranks import rank
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.runs import MetricsWriter, RunDirectory, RunStore
from simsiam_core.runs.status import DISK_FULL
from simsiam_core.runs.weights import check_weights
from simsiam_core.training import compilation
from simsiam_core.training.allocator import keep_freed_memory
from simsiam_core.training.automatic import resolved
from simsiam_core.training.callbacks import (
    CheckpointCallback,
    KnnCallback,
    MetricsCallback,
    StopCallback,
    measured_steps,
)
from simsiam_core.training.callbacks.probe import probe_callback
from simsiam_core.training.collapse import CollapseWatch
from simsiam_core.training.device import Precision, matmul_precision, resolve_device
from simsiam_core.training.estimate import work
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.failure import TrainingFailure
from simsiam_core.training.memory import address_space, memory_sentence
from simsiam_core.training.methods import METHODS
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.resume import FoundCheckpoint, newest
from simsiam_core.training.same_images import identity
from simsiam_core.training.start import StartingPoint, starting_point
from simsiam_core.training.status import StatusWriter
from simsiam_core.training.trainer import build_trainer


def train(
    run: RunDirectory, extra_callbacks: tuple[pl.Callback, ...] = (), request: StopRequest | None = None
) -> int:
    """Train a run from its directory and return the exit code: 0 finished or stopped, 1 failed, 2 bad input,
    or that of `request` if the job is to be started again.

    A run that has checkpoints resumes from the newest one.

    The status always ends in a final state, with a sentence if it failed, unless the process is killed.
    """
    ranks, request = Ranks(rank().index, rank().count), request or StopRequest()
    status = StatusWriter(run, ranks.first)

    try:
        with request.raising():
            state, code = _fit(run, status, extra_callbacks, request, ranks), 0
        error, stack = status.status.error, ""
    except ConfigError as problem:
        state, error, code, stack = "failed", str(problem), 2, ""
    except TrainingFailure as problem:
        state, error, code, stack = "failed", f"{problem} {_recovery_hint(run)}", 1, ""
    except KeyboardInterrupt:
        state, error, code, stack = request.state or "stopped", None, 0, ""
    except Exception as problem:
        state, code, stack = "failed", 1, ""
        if isinstance(problem, OSError) and problem.errno in DISK_FULL:
            error = _disk_full(run)
        elif is_out_of_memory(problem):
            error = (
                f"Memory ran out before training began; use fewer or smaller images. {_recovery_hint(run)}"
            )
        else:
            error, stack = f"{type(problem).__name__}: {problem}", traceback.format_exc()
    if (cause := ranks.cause(error)) != error:
        state, error, code, stack = "failed", cause, 1, ""
    if state == "queued":
        status.beat(force=True, **request.ending(status.status))
        return request.exit_code if ranks.first else 0  # the first exit code that is not 0 ends the others
    _end(ranks, status, state, error, code, stack)
    return code


def _end(
    ranks: Ranks, status: StatusWriter, state: str, error: str | None, code: int, stack: str = ""
) -> None:
    if ranks.first_is_lost():
        status.take_over()
    status.beat(force=True, state=state, error=error, exit_code=code, ended=time.time(), activity="")
    with contextlib.suppress(OSError):  # a full disk may have no room for the log either
        if error and (status.writes or stack):
            print(stack + error, file=sys.stderr, flush=True)


def _recovery_hint(run: RunDirectory) -> str:
    """Say which checkpoint can be resumed from, as a sentence."""
    found = newest(run)
    if found is None:
        return "There is no checkpoint to go on from."
    return f"The last good checkpoint is {found.name} (step {found.step}); a fork can go on from it."


def _disk_full(run: RunDirectory) -> str:
    sizes = [c.path.stat().st_size for c in run.checkpoints()]
    config = run.config()
    # Weights and momentum in fp32, if no checkpoint was written yet.
    needed = max(sizes) if sizes else 4 * (work(config).parameters + work(config).trained_parameters)
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
    run: RunDirectory,
    status: StatusWriter,
    extra_callbacks: tuple[pl.Callback, ...],
    request: StopRequest,
    ranks: Ranks,
) -> str:
    """Train; returns the state in which the run ends. Before the first step, a stop request raises."""
    config = run.config()
    accelerator, precision = resolve_device(config.training)
    ranks.connect(config, accelerator == "gpu", lambda sentence: _end(ranks, status, "failed", sentence, 1))
    if ranks.first and not run.checkpoints():
        check_weights(config, RunStore(run.path.parent))  # before the images, which may take minutes
    config, dataset, start = _prepare(run, config, status, ranks)
    record = run.metrics()
    collapse = CollapseWatch(record, METHODS.get(config.objective.method).advice)
    status.beat(force=True, activity="Starting")
    with contextlib.ExitStack() as stack:
        pl.seed_everything(config.training.seed, verbose=False)
        normalised = replace(dataset, mean=start.mean, std=start.std)
        module = SimSiamModule(config, normalised, ranks, start.origin, identity(start.images))
        module.start_from(start.weights, start.weights_source)
        module.activity = lambda text: status.beat(force=True, activity=text)
        _announce(module, status, start.checkpoint, accelerator, precision)
        writer = metrics = None
        if ranks.first:
            writer = stack.enter_context(contextlib.closing(MetricsWriter(run.metrics_path)))
            metrics = MetricsCallback(writer, status, collapse, request)
        checkpoints = CheckpointCallback(run, config.checkpoints, metrics)
        evaluation = Evaluation(config, dataset, ranks)
        probe = probe_callback(config, evaluation, dataset, ranks)
        callbacks: list[pl.Callback] = [*filter(None, [metrics]), *probe, *extra_callbacks, checkpoints]
        if evaluation.possible:
            interrupts = request if ranks.count == 1 else None
            linear = probe[0].probe if probe else None
            callbacks.append(
                KnnCallback(evaluation, writer, status, measured_steps(record), interrupts, linear)
            )
        ending_collapse = collapse if config.training.stop_on_collapse else None
        callbacks.append(StopCallback(request, ranks, checkpoints, ending_collapse))
        trainer = build_trainer(config, callbacks, ranks)
        if accelerator == "cpu":
            cpu_kernel()  # now, so that the memory of its compiler is not attributed to the steps
        request.poll()
        taken = address_space()
        in_memory = _fits_in_memory(trainer, module, start.checkpoint, accelerator, precision)
    if not in_memory:
        gc.collect()
        compilation.uncompile(module.network)  # other batch sizes are tried, and each would be compiled again
        raise TrainingFailure(memory_sentence(module, precision, accelerator == "gpu", taken))
    ranks.disconnect()
    if ending_collapse and ending_collapse.lasting_sentence:
        status.beat(error=ending_collapse.lasting_sentence)
    if trainer.global_step >= module.total_steps:
        return "finished"
    if request.state is None:
        raise TrainingFailure(f"Training ended at step {trainer.global_step} of {module.total_steps}.")
    return request.state


def _prepare(
    run: RunDirectory, config: Config, status: StatusWriter, ranks: Ranks
) -> tuple[Config, Dataset, StartingPoint]:
    """Return the config with nothing left to decide, the images, and where training starts: alike in every process."""
    dataset = start = None
    if ranks.first:
        dataset = _load_images(config, status)
        config = resolved(run, config, dataset)
        start = starting_point(run, config, dataset, status.progress)
    config, start = ranks.broadcast((config, start))
    assert start is not None
    return config, dataset or _load_images(config, status), start  # the first process has prepared the images


def _load_images(config: Config, status: StatusWriter) -> Dataset:
    """Load the data and print what was left out. Raises ConfigError if it does not fit the settings."""
    dataset = load(config.data, status.progress)
    for line in (*dataset.notes, *left_out_lines(dataset.skipped)):
        print(line)
    check_fit(config, len(dataset.train))
    return with_larger(config, dataset, status.progress, lambda sentence: print(sentence, flush=True))


def _fits_in_memory(
    trainer: pl.Trainer,
    module: SimSiamModule,
    checkpoint: FoundCheckpoint | None,
    accelerator: str,
    precision: Precision,
) -> bool:
    """Train; return False if memory ran out.

    The exception is gone by then: it would keep its frames' tensors alive.
    """
    try:
        with keep_freed_memory(), matmul_precision(precision, accelerator):
            trainer.fit(module, ckpt_path=checkpoint.path if checkpoint else None, weights_only=True)
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
        return False
    return True


def _announce(
    module: SimSiamModule,
    status: StatusWriter,
    found: FoundCheckpoint | None,
    accelerator: str,
    precision: str,
) -> None:
    """Report in the log and the status what starts, and on which device."""
    count, total = module.ranks.count, module.total_steps
    if accelerator == "gpu":
        device = (f"{count} × " if count > 1 else "") + torch.cuda.get_device_name()
    else:
        processes = f" in {count} processes" if count > 1 else ""
        threads = count * torch.get_num_threads()
        device = f"CPU, {threads} thread{'s' if threads > 1 else ''}{processes}"
    status.beat(force=True, total_steps=total, device=device)
    images = len(module.dataset.train)
    print(
        f"{module.objective.method.title}: {images} images, {total} steps on {device}, precision {precision}"
    )
    if ignored := ignored_sentence(module.config):
        print(ignored)
    if found:
        print(f"Going on from {found.name}, step {found.step} of {total}", flush=True)
        status.beat(force=True, step=found.step, epoch=found.epoch)
