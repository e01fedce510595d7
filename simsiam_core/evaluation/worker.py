"""Worker process of an evaluation: load, measure, write the result, and in every case a final status."""

from __future__ import annotations

import sys
import time
import traceback
from typing import Any

import torch

from simsiam_core.config import ConfigError
from simsiam_core.config.evaluation import EvaluationSettings, parse_evaluation
from simsiam_core.data.memory import is_out_of_memory
from simsiam_core.evaluation.job import Measurement, Reporter, Subject, versions
from simsiam_core.evaluation.kinds import EVALUATIONS
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.model import CheckpointError
from simsiam_core.model.precision import true_fp32
from simsiam_core.runs import RunError
from simsiam_core.runs.evaluations import EvaluationDirectory


def evaluate(job: EvaluationDirectory, request: StopRequest | None = None) -> int:
    """Run a job's evaluation and return the exit code: 0 done or cancelled, 1 failed, 2 bad input.

    A cancelled evaluation leaves no result: half a sweep yields no valid figure. A pause request cancels it
    too.
    """
    if request is None:
        request = StopRequest()
        request.listen()
    reporter = Reporter(job)
    state, error, code = "finished", None, 0
    try:
        with request.raising():
            result = _result(job, reporter)
        job.write_result(result)
    except KeyboardInterrupt:
        state = "queued" if request.state == "queued" else "stopped"
    except (ConfigError, RunError, CheckpointError) as problem:
        state, error, code = "failed", str(problem), 2
    except Exception as problem:
        state, code = "failed", 1
        if is_out_of_memory(problem):
            where = "GPU" if torch.cuda.is_available() else "machine"
            error = f"The {where} ran out of memory; wait for the run that uses it to end."
        else:
            traceback.print_exc()
            error = f"{type(problem).__name__}: {problem}"
    if state != "finished":
        job.classifier_path.unlink(missing_ok=True)
    if state == "queued":
        reporter.interrupt(request)
        return request.exit_code
    reporter.close(state=state, error=error, exit_code=code)
    if error:
        print(error, file=sys.stderr, flush=True)
    return code


def _result(job: EvaluationDirectory, reporter: Reporter) -> dict[str, Any]:
    settings = parse_evaluation(job.settings())
    reporter.set(force=True, activity="Loading the checkpoint and its images", device=_device())
    started = time.monotonic()
    subject = Subject.load(job.run, settings.checkpoint, reporter)
    with true_fp32(torch.device(subject.device).type):  # all figures are measured in fp32
        found = EVALUATIONS.get(settings.kind).run(subject, settings, reporter)
    result = _stamped(job, subject, settings, found, time.monotonic() - started)
    if found.classifier is not None:
        found.classifier.write(job.classifier_path)
        written = job.classifier_path.stat().st_size
        result["classifier"] = {"bytes": written, "backbone": found.classifier.backbone is not None}
    return result


def _stamped(
    job: EvaluationDirectory,
    subject: Subject,
    settings: EvaluationSettings,
    found: Measurement,
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
        "figures": dict(found.figures),
        "stamp": subject.stamp() | dict(found.stamp),
        "settings": settings.model_dump(mode="json"),
        "details": dict(found.details),
        "versions": versions(),
        "device": _device(),
    }


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
