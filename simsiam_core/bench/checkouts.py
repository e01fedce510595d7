"""User-visible latencies of two checkouts of this program, measured from outside by the same client."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from simsiam_core.bench.client import PageClient
from simsiam_core.bench.load import noise_png
from simsiam_core.bench.page import dashboard
from simsiam_core.bench.server import append_step, pretend_to_train, settle
from simsiam_core.runs import RunDirectory, RunStore

LINES = 20_000  # in the metrics file before the ticks
TICKS, UPLOADS = 40, 15  # per dashboard; the median of each is reported
WARM_UP_STEPS, STEPS = 15, 100  # of `quick`
START_SECONDS, LIMIT_SECONDS = 180.0, 600.0  # timeouts for starting a dashboard, and for the steps of `quick`
QUICK = "--preset quick --epochs 2 --knn-every 2 --checkpoint-every 2 --device cpu"
SEED = "--preset quick --epochs 1 --warmup-epochs 0 --train-limit 640 --test-limit 500 --device cpu"


class Checkouts:
    """Two checkouts, each with its own folder of runs and cache.

    The second one trains the runs: if it is the earlier version, both can read them.
    """

    def __init__(self, here: Path, there: Path) -> None:
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="simsiam-compare-"))
        self._scratch = Path(folder)
        self._here, self._there = here, there
        self._runs = {here: self._scratch / "here", there: self._scratch / "there"}

    def __enter__(self) -> Checkouts:
        try:
            _finish(self._train(self._there, SEED, self._runs[self._there]))
            shutil.copytree(self._runs[self._there], self._runs[self._here])
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def measure(self, checkout: Path, names: Sequence[str]) -> dict[str, float]:
        """Measure the named ones of page start (s), tick, upload to answer and training step (ms).

        Raises RuntimeError.
        """
        found: dict[str, float] = {}
        if set(names) - {"quick"}:
            found |= self._served(checkout, names)
        if "quick" in names:
            found["quick"] = self._step(checkout)
        return {name: found[name] for name in names}

    def _served(self, checkout: Path, names: Sequence[str]) -> dict[str, float]:
        """Measure a dashboard over a trained run and a second one whose metrics file grows."""
        store = RunStore(self._runs[checkout])
        (looked_at,) = store.runs()
        with (
            self._environment(checkout),
            _growing(store, looked_at) as growing,
            dashboard(store.path, START_SECONDS, checkout) as page,
        ):
            found = {"page": page.seconds}
            if set(names) & {"tick", "upload"}:
                settle(psutil.Process(page.pid))
                with contextlib.closing(PageClient(page.address)) as client:
                    if "tick" in names:
                        found["tick"] = _ticks(client, growing)
                    if "upload" in names:
                        found["upload"] = _uploads(client, looked_at)
        return found

    def _step(self, checkout: Path) -> float:
        """Return the milliseconds per training step, from the times in the metrics file, without startup."""
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            process = self._train(checkout, QUICK, Path(folder))
            try:
                lines = _first_steps(process, RunStore(Path(folder)))
            finally:
                process.kill()
                process.wait()
        times = {line["step"]: line["time"] for line in lines}
        return 1000 * (times[WARM_UP_STEPS + STEPS] - times[WARM_UP_STEPS]) / STEPS

    def _train(self, checkout: Path, flags: str, runs: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "simsiam_core", "train", *flags.split(), "--save-dir", str(runs)]
        with self._environment(checkout):
            return subprocess.Popen(
                command,
                cwd=checkout,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    @contextmanager
    def _environment(self, checkout: Path) -> Iterator[None]:
        """Make child processes import only from the checkout and use a separate cache, within the block."""
        cache = self._scratch / f"cache-{self._runs[checkout].name}"
        changes = {"PYTHONPATH": str(checkout), "SIMSIAM_CACHE": str(cache)}
        before = {name: os.environ.get(name) for name in changes}
        os.environ.update(changes)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


@contextmanager
def _growing(store: RunStore, model: RunDirectory) -> Iterator[RunDirectory]:
    """Yield a copy of the run that appears to be trained by this process; deleted afterwards."""
    run = RunDirectory(store.path / f"{model.id[:-4]}ffff")
    shutil.copytree(model.path, run.path)
    try:
        pretend_to_train(run, LINES)
        yield run
    finally:
        shutil.rmtree(run.path)


def _ticks(client: PageClient, growing: RunDirectory) -> float:
    """Return the median milliseconds until the page has received one new step of the run."""
    client.news()  # all chart data
    times = []
    for step in range(LINES + 1, LINES + TICKS + 1):
        append_step(growing, step)
        times.append(_milliseconds(client.news))
    return median(times)


def _uploads(client: PageClient, run: RunDirectory) -> float:
    """Return the median milliseconds from the bytes of an image to its neighbours."""
    checkpoint = run.checkpoints()[0].name
    images = [noise_png() for _ in range(UPLOADS + 1)]
    times = [client.neighbours(run.id, checkpoint, image) for image in images]
    return 1000 * median(times[1:])  # the first one waits for the images to be encoded


def _milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - started)


def _finish(process: subprocess.Popen[bytes]) -> None:
    try:
        if process.wait(LIMIT_SECONDS):
            raise RuntimeError(f"Training ended with exit code {process.returncode}: {process.args!r}.")
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"Training took more than {LIMIT_SECONDS:.0f} s: {process.args!r}.") from None
    finally:
        process.kill()


def _first_steps(process: subprocess.Popen[bytes], store: RunStore) -> list[dict[str, float]]:
    """Return the metric lines of the run, once there are enough."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        for run in store.runs():
            lines = run.metrics()
            if any(line["step"] >= WARM_UP_STEPS + STEPS for line in lines):
                return lines
        time.sleep(0.2)
    raise RuntimeError(f"Training made no {WARM_UP_STEPS + STEPS} steps: {process.args!r}.")
