"""What the process of an evaluation runs: load, measure, write the result, and a last word in every case."""

from __future__ import annotations

import signal
import sys
import time
import traceback
from types import FrameType
from typing import Any

import torch

from simsiam_core.config import ConfigError
from simsiam_core.config.evaluation import (
    EvaluationSettings,
    KnnEvaluation,
    LinearEvaluation,
    parse_evaluation,
)
from simsiam_core.evaluation.finetune import run_finetune
from simsiam_core.evaluation.job import Reporter, Subject, versions
from simsiam_core.evaluation.knn_report import report
from simsiam_core.evaluation.linear_augmented import run_augmented
from simsiam_core.evaluation.linear_cached import run_cached
from simsiam_core.model import CheckpointError
from simsiam_core.runs import RunError
from simsiam_core.runs.crash import log_crashes
from simsiam_core.runs.evaluations import EvaluationDirectory


class Cancelled(Exception):
    """The process was asked to end."""


def _cancel(_number: int, _frame: FrameType | None) -> None:
    raise Cancelled


def evaluate(job: EvaluationDirectory) -> int:
    """Do what the job's settings say; returns the exit code: 0 done or cancelled, 1 failed, 2 bad input.

    A cancelled evaluation leaves no result: half a sweep is no figure.
    """
    log_crashes(job.log_path)
    before = signal.signal(signal.SIGTERM, _cancel)
    reporter = Reporter(job)
    state, error, code = "finished", None, 0
    try:
        settings = parse_evaluation(job.settings())
        reporter.set(force=True, activity="Loading the checkpoint and its images", device=_device())
        started = time.time()
        subject = Subject.load(job.run, settings.checkpoint, reporter)
        found = _measure(subject, settings, reporter)
        job.write_result(_stamped(job, subject, settings, found, time.time() - started))
    except (Cancelled, KeyboardInterrupt):
        state = "stopped"
    except (ConfigError, RunError, CheckpointError) as problem:
        state, error, code = "failed", str(problem), 2
    except torch.OutOfMemoryError:
        state, error, code = "failed", "The GPU ran out of memory; wait for the run that uses it to end.", 1
    except Exception as problem:
        traceback.print_exc()
        state, error, code = "failed", f"{type(problem).__name__}: {problem}", 1
    finally:
        signal.signal(signal.SIGTERM, before)
    reporter.close(state=state, error=error, exit_code=code)
    if error:
        print(error, file=sys.stderr, flush=True)
    return code


def _measure(subject: Subject, settings: EvaluationSettings, reporter: Reporter) -> dict[str, Any]:
    if isinstance(settings, KnnEvaluation):
        return report(subject, settings, reporter)
    if isinstance(settings, LinearEvaluation):
        run = run_cached if settings.protocol == "cached" else run_augmented
        return run(subject, settings, reporter)
    return run_finetune(subject, settings, reporter)


def _stamped(
    job: EvaluationDirectory,
    subject: Subject,
    settings: EvaluationSettings,
    found: dict[str, Any],
    seconds: float,
) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": settings.kind,
        "run": subject.run.id,
        "checkpoint": subject.checkpoint.name,
        "epoch": subject.encoder.epoch,
        "created": time.time(),
        "seconds": round(seconds, 2),
        "figures": found["figures"],
        "stamp": subject.stamp() | found["stamp"],
        "settings": settings.model_dump(mode="json"),
        "details": found["details"],
        "versions": versions(),
        "device": _device(),
    }


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
