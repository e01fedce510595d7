"""The folder of one run. All reads and writes of a run go through `RunDirectory`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from simsiam_core.config import Config, dump_yaml
from simsiam_core.runs.choices import Choices, read_choices, write_choices
from simsiam_core.runs.config_file import read_config
from simsiam_core.runs.files import keep_damaged, readable_version_of, version_of, write_text
from simsiam_core.runs.header import Header, read_header
from simsiam_core.runs.imported import is_imported
from simsiam_core.runs.json_files import DamagedFileError
from simsiam_core.runs.liveness import has_live_process
from simsiam_core.runs.lock import RUN_LOCK, FileLock, LockedError
from simsiam_core.runs.metrics import MetricLine, Recent, read_metrics, recent
from simsiam_core.runs.notes import Notes, read_notes
from simsiam_core.runs.origin import Origin, read_origin, write_origin
from simsiam_core.runs.status import DISK_FULL, Status
from simsiam_core.runs.status_file import damage, read_status, write_status

LOG_TAIL_BYTES = 256 * 1024
BUNDLED = "20200101-000000-bundled-0000"  # the run shipped with the program; sorts before all others
LONGEST_NOTE = 5.0  # seconds in which a dashboard has written why a job waits, and released the job's lock


class RunError(ValueError):
    """A run or checkpoint that is missing or cannot be read; the message is one sentence."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file: its name without the suffix, and the epochs trained when it was written."""

    name: str  # "epoch=0010" or "last"
    path: Path
    epoch: int | None  # None for "last", whose header has it

    def header(self) -> Header | None:
        """Return the checkpoint's header, or None if it cannot be read; cheap and cached."""
        return read_header(self.path)


class RunDirectory:
    """The folder `<runs-dir>/<run-id>/`: config, status, metrics, log and checkpoints of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = str(path)  # pages ask for the versions of thousands of files a second
        # `YYYYMMDD-HHMMSS-<slug>-<4 hex>`: sorting by name sorts by time. No property: read 100,000 times a second.
        self.id = path.name

    def __repr__(self) -> str:
        return f"RunDirectory({self.id})"

    @property
    def read_only(self) -> bool:
        """Whether it cannot be trained further: its checkpoints hold only a backbone."""
        return self.id == BUNDLED or self.imported

    @property
    def imported(self) -> bool:
        """Whether its network was trained by another program."""
        return is_imported(self.path)

    @property
    def metrics_path(self) -> Path:
        """The path of the append-only metric lines."""
        return self.path / "metrics.jsonl"

    @property
    def log_path(self) -> Path:
        """The path of the process's stdout and stderr: a file, never a pipe."""
        return self.path / "log.txt"

    @property
    def checkpoints_dir(self) -> Path:
        """The folder of `epoch=0010.ckpt`, …, `last.ckpt`."""
        return self.path / "checkpoints"

    @property
    def features_dir(self) -> Path:
        """The feature cache; safe to delete."""
        return self.path / "features"

    @property
    def projections_dir(self) -> Path:
        """The cache of maps and the data they are drawn from; safe to delete."""
        return self.path / "projections"

    # --- config -------------------------------------------------------------------------------------

    def config(self) -> Config:
        """Return the resolved config. Raises RunError if it cannot be read."""
        found = read_config(self.path / "config.yaml")
        if isinstance(found, str):
            raise RunError(f"The config of run {self.id} cannot be read: {found}")
        return found

    def write_config(self, config: Config) -> None:
        """Write the config: before the run starts, and again only when an ended run is extended."""
        self._write("config.yaml", dump_yaml(config))

    def choices(self) -> Choices | None:
        """Return what a preset chose for this run and why; None if no preset did or it cannot be read."""
        try:
            return read_choices(self.path / "choices.json")
        except DamagedFileError:  # reported by `damage`
            return None

    def write_choices(self, choices: Choices) -> None:
        """Write the choices that this run's config has kept."""
        with _permitted(self.path):
            write_choices(self.path / "choices.json", choices.still_so(self.config()))

    # --- status -------------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return the run's status; `crashed` is inferred from a dead process or a damaged file."""
        return read_status(self.path / "status.json")

    def has_live_process(self, status: Status) -> bool:
        """Return whether the process named in the status still works on this folder."""
        return has_live_process(status, self.path / "status.json")

    def status_version(self) -> tuple[int, int]:
        """Return a value that changes whenever the status is written; cheaper than reading it."""
        return version_of(f"{self._text}/status.json")

    def write_status(self, status: Status) -> None:
        """Replace the status atomically. Raises RunError where that is not permitted."""
        with _permitted(self.path):
            write_status(self.path / "status.json", status)

    def update_status(self, **changes: Any) -> Status:
        """Read, change and write the status of an idle run. Keeps a damaged status under another name."""
        path = self.path / "status.json"
        if os.path.lexists(path) and damage(path):
            with _permitted(self.path):
                keep_damaged(path)
        status = self.status().model_copy(update={"heartbeat": time.time(), **changes})
        self.write_status(status)
        return status

    # --- notes --------------------------------------------------------------------------------------

    def notes(self) -> Notes:
        """Return the notes on the run; empty if there are none or they cannot be read."""
        try:
            return read_notes(self.path / "notes.json")
        except DamagedFileError:  # reported by `damage`
            return Notes()

    def write_notes(self, notes: Notes) -> None:
        """Replace the notes atomically; keeps damaged ones under another name. Raises RunError."""
        path = self.path / "notes.json"
        try:
            read_notes(path)
        except DamagedFileError:
            with _permitted(self.path):
                keep_damaged(path)
        self._write("notes.json", notes.model_dump_json(indent=1))

    # --- damage -------------------------------------------------------------------------------------

    def damage(self) -> tuple[str, ...]:
        """Return a sentence per damaged small file. For the metrics file, see `MetricsReader.problem`."""
        small = ("status.json", "config.yaml", "notes.json", "choices.json")
        return _damage(self.path, tuple(readable_version_of(f"{self._text}/{name}") for name in small))

    def _write(self, name: str, text: str) -> None:
        with _permitted(self.path):
            write_text(self.path / name, text)

    # --- training images ----------------------------------------------------------------------------

    @property
    def images_path(self) -> Path:
        """The path of the names and pixel digests of a folder's images, as first seen by training."""
        return self.path / "images.json.gz"

    def origin(self) -> Origin | None:
        """Return the origin of the epoch count; None: the run's first step. Raises RunError."""
        try:
            return read_origin(self.path / "origin.json")
        except ValueError as error:
            raise RunError(f"Run {self.id}: {error}.") from None

    def write_origin(self, origin: Origin) -> None:
        """Write the origin of the epoch count."""
        write_origin(self.path / "origin.json", origin)

    # --- one process at a time ----------------------------------------------------------------------

    def lock(self, patient: bool = False) -> FileLock:
        """Lock the run for this process. Raises RunError while another process holds it.

        `patient`: not before `LONGEST_NOTE`, for jobs that begin while a dashboard writes to their status.
        """
        deadline = time.monotonic() + (LONGEST_NOTE if patient else 0)
        while True:
            try:
                return FileLock(self.path / RUN_LOCK)
            except LockedError:
                if time.monotonic() >= deadline:
                    raise RunError(f"Another process is working on run {self.id} already.") from None
            except OSError as error:
                raise RunError(f"Cannot write to {self.path}: {error.strerror}.") from None
            time.sleep(0.05)

    # --- metrics and log ----------------------------------------------------------------------------

    def metrics(self) -> list[MetricLine]:
        """Return every complete metric line."""
        return read_metrics(self.metrics_path)

    def written_version(self) -> tuple[tuple[int, int], ...]:
        """Return a value that changes whenever config or notes are written."""
        return tuple(version_of(f"{self._text}/{name}") for name in ("config.yaml", "notes.json"))

    def metrics_version(self) -> tuple[int, int]:
        """Return a value that changes whenever metrics are written."""
        return version_of(f"{self._text}/metrics.jsonl")

    def recent(self, *names: str, since: float = 0.0) -> Recent:
        """Return the newest values of some metrics and the recent pace; fast for any file size."""
        return recent(self.metrics_path, names, since)

    def log_version(self) -> tuple[int, int]:
        """Return a value that changes whenever the log is written; cheaper than reading it."""
        return version_of(self.log_path)

    def log_tail(self, lines: int = 40) -> list[str]:
        """Return the last lines of the log; of a progress bar's rewritten line only the last state."""
        try:
            with self.log_path.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_TAIL_BYTES))
                text = file.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            return [f"{self.log_path.name} cannot be read: {error.strerror}."]
        return [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n") if line.strip()][-lines:]

    # --- checkpoints --------------------------------------------------------------------------------

    def checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints by epoch, `last` at the end. Files still being written have other names."""
        numbered = sorted(self.checkpoints_dir.glob("epoch=*.ckpt"))
        found = [Checkpoint(p.stem, p, int(n)) for p in numbered if (n := p.stem[6:]).isdecimal()]
        last = self.checkpoints_dir / "last.ckpt"
        return [*found, Checkpoint("last", last, None)] if os.path.exists(last) else found

    def checkpoint(self, name: str = "last") -> Checkpoint:
        """Return the checkpoint of that name. Raises RunError listing the existing ones."""
        there = self.checkpoints()
        for checkpoint in there:
            if checkpoint.name == name:
                return checkpoint
        if not there:
            raise RunError(f"Run {self.id} has no checkpoint yet; wait for its first one.")
        names = ", ".join(c.name for c in there)
        raise RunError(f"Run {self.id} has no checkpoint {name!r}; there are: {names}.")


@lru_cache(maxsize=4096)
def _damage(folder: Path, versions: tuple[tuple[tuple[int, int], int], ...]) -> tuple[str, ...]:
    run, found = RunDirectory(folder), [damage(folder / "status.json")]
    try:
        run.config()
    except RunError as error:
        found.append(str(error))
    for read, name in ((read_notes, "notes.json"), (read_choices, "choices.json")):
        try:
            read(folder / name)
        except DamagedFileError as error:
            found.append(str(error))
    return tuple(filter(None, found))


@contextmanager
def _permitted(folder: Path) -> Iterator[None]:
    """Convert a failed write to RunError. A full disk is not caught: training handles it."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise RunError(f"Cannot write to {folder}: {error.strerror}.") from None
