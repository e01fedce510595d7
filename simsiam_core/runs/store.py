"""The folder of runs: creating, listing, finding and trashing runs."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from pathlib import Path

from simsiam_core.config import Config
from simsiam_core.runs.directory import RunDirectory, RunError
from simsiam_core.runs.evaluations import evaluations
from simsiam_core.runs.notes import Notes
from simsiam_core.runs.placement import LOCAL, Placement, read_placement, write_placement
from simsiam_core.runs.status import Status

TRASH = ".trash"
RUN_ID = re.compile(r"^\d{8}-\d{6}-[a-z0-9-]+-[0-9a-f]{4}$", re.ASCII)
SET_BACK_SECONDS = 24 * 3600.0  # clocks are set back by less, unless they were entirely wrong
_created = 0.0  # creation time of the last run of this process


class RunStore:
    """All runs under one folder."""

    def __init__(self, runs_dir: Path) -> None:
        try:
            self.path = runs_dir.expanduser().resolve()
        except FileNotFoundError:  # a relative path, and the current folder was deleted
            raise RunError("The current folder is no longer there; change to another one.") from None
        except (OSError, RuntimeError) as error:  # a symlink loop; the home of an unknown user
            raise RunError(f"There can be no runs folder at {runs_dir}: {error}.") from None
        self._known: dict[str, RunDirectory] = {}  # by name, the newest first; not made anew each second

    def create(
        self,
        config: Config,
        status: Status | None = None,
        notes: Notes | None = None,
        placement: Placement | None = None,
    ) -> RunDirectory:
        """Create a run directory, in state `queued` unless another status is given.

        The scheduler of this folder starts a queued run. Raises RunError if it cannot be written.
        """
        slug = re.sub(r"[^a-z0-9]+", "-", (config.name or config.data.source).lower()).strip("-") or "run"
        run_id = f"{self._stamp()}-{slug}-{secrets.token_hex(2)}"
        made = RunDirectory(self.path / f".{run_id}.part")  # so that nobody finds half a run
        try:
            made.checkpoints_dir.mkdir(parents=True)
            made.write_config(config)
            if notes is not None:
                made.write_notes(notes)
            if placement is not None and placement.executor != LOCAL:
                write_placement(made.path, placement)
            first = status or Status(state="queued")
            made.write_status(first.model_copy(update={"created": _later()}))
            made.path.rename(self.path / run_id)
        except OSError as error:
            shutil.rmtree(made.path, ignore_errors=True)
            raise RunError(f"Cannot write to the runs folder {self.path}: {error.strerror}.") from None
        return RunDirectory(self.path / run_id)

    def runs(self) -> list[RunDirectory]:
        """Return every run, newest first."""
        known = self._known
        try:
            with os.scandir(self.path) as entries:
                found = {
                    e.name for e in entries if (e.name in known or RUN_ID.match(e.name)) and _is_folder(e)
                }
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise RunError(f"Cannot read the runs folder {self.path}: {error.strerror}.") from None
        if found != known.keys():
            newest_first = sorted(found, reverse=True)
            self._known = {name: known.get(name) or RunDirectory(self.path / name) for name in newest_first}
        return list(self._known.values())

    def _stamp(self) -> str:
        """Return the timestamp of a new run's id: the current time, or the newest run's if the clock was
        since set back by less than a day (as at the end of summer time), so that the new run sorts among the
        newest.
        """
        now = time.time()
        stamp, latest = _stamped(now), _stamped(now + SET_BACK_SECONDS)
        newest = next((run.id[: len(stamp)] for run in self.runs()), stamp)
        return newest if stamp < newest <= latest else stamp

    def trashed(self) -> list[RunDirectory]:
        """Return the runs in the trash, newest first."""
        return RunStore(self._trash).runs() if self._trash.is_dir() else []

    def trash(self, run: RunDirectory) -> None:
        """Move a run into the trash folder. Raises RunError while a process works on it or evaluates it.

        A running status is enough to refuse; the lock also catches a process that the status does not show.
        """
        if reason := busy(run):
            raise RunError(reason)
        with run.lock():
            self._move(run, self._trash)

    def restore(self, run_id: str) -> RunDirectory:
        """Restore a run from the trash. Raises RunError."""
        for run in self.trashed():
            if run.id == run_id:
                self._move(run, self.path)
                return self.get(run_id)
        raise RunError(f"There is no run {run_id!r} in the trash.")

    def empty_trash(self) -> int:
        """Delete the runs in the trash permanently; returns their number. Raises RunError."""
        gone = self.trashed()
        for run in gone:
            with run.lock():
                try:
                    shutil.rmtree(run.path)
                except OSError as error:
                    raise RunError(f"Run {run.id} cannot be deleted: {error.strerror}.") from None
        return len(gone)

    @property
    def _trash(self) -> Path:
        return self.path / TRASH

    @staticmethod
    def _move(run: RunDirectory, folder: Path) -> None:
        try:
            folder.mkdir(exist_ok=True)
            run.path.rename(folder / run.id)
        except OSError as error:
            raise RunError(f"Run {run.id} cannot be moved: {error.strerror}.") from None

    def get(self, run_id: str) -> RunDirectory:
        """Return the run with exactly that id, never joined into a path. Raises RunError."""
        for run in self.runs():
            if run.id == run_id:
                return run
        raise RunError(f"There is no run {run_id!r} in {self.path}.")

    def find(self, reference: str) -> RunDirectory:
        """Return a run by id, unique prefix or path: for the terminal, whose user may read any file. Raises
        RunError.
        """
        as_path = Path(reference).expanduser()
        if (as_path / "config.yaml").is_file():
            return RunDirectory(as_path.resolve())
        matches = [run for run in self.runs() if run.id.startswith(reference)] if reference else []
        if len(matches) == 1:
            return matches[0]
        if not matches:
            raise RunError(
                f"There is no run {reference!r} in {self.path}; 'runs list' shows those there are."
            )
        names = ", ".join(run.id for run in matches[:5])
        raise RunError(f"{reference!r} fits {len(matches)} runs ({names}…); give more of the id.")


def busy(run: RunDirectory) -> str:
    """Return why a run cannot be moved or deleted now, as a sentence; empty if it can."""
    if run.status().state == "running":
        return f"Run {run.id} is running; stop it first."
    if run.status().state in ("queued", "crashed") and (placement := read_placement(run.path)).pending:
        return f"Run {run.id} has job {placement.job} in SLURM; stop it first, or cancel it there."
    if any(job.status().state == "running" for job in evaluations(run)):
        return f"Run {run.id} is being evaluated; cancel that first, or wait for its end."
    return ""


def _stamped(moment: float) -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.localtime(moment))


def _later() -> float:
    """Return the current time, or slightly more than that of this process's last run: a sweep keeps its order
    even if the clock is set back.
    """
    global _created
    now = time.time()
    _created = max(now, _created + 1e-4) if _created - now < SET_BACK_SECONDS else now
    return _created


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to a folder without read permission
        return False
