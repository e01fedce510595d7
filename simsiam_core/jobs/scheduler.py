"""The scheduler: adopts running jobs, starts waiting ones, and removes ended ones from the queue.

One per folder of runs, enforced by a lock: in the dashboard's server, or in `queue run` without a browser.
All its state is on disk, so after a kill it can simply be restarted.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from simsiam_core.jobs.executor import EXECUTORS, Follow, executor_of
from simsiam_core.jobs.kinds import KINDS
from simsiam_core.jobs.queue import LOCK_FILE, Job, Queue
from simsiam_core.jobs.slots import BESIDE, Slot, find_slots, slot_names, slots_named, variables
from simsiam_core.jobs.table import Row
from simsiam_core.runs import RunDirectory, RunError, RunStore, Status
from simsiam_core.runs.evaluations import EvaluationDirectory, evaluations
from simsiam_core.runs.lock import FileLock, LockedError
from simsiam_core.runs.placement import LOCAL, read_placement

TICK_SECONDS = 1.0  # actions on the page wake it at once
RETRY_SECONDS = 15.0  # before a job is handed again to an executor that did not answer
TERMINAL_SECONDS = 10.0  # longest time a terminal command may hold the lock
NOT_HERE = "No job is started on this machine, which is a cluster's: start it with SLURM instead."
Observer = Callable[[dict[str, RunDirectory], dict[str, Status]], None]


class InUseError(RunError):
    """A folder of runs that another server or scheduler has locked."""


class Scheduler:
    """The scheduler of one folder's queue. Raises InUseError if another one works on it.

    `observer` is called with all runs and statuses in every round, for notifications. With `elsewhere`, as on a
    login node, no job is started on this machine: only other executors' jobs are.
    """

    def __init__(
        self,
        store: RunStore,
        cpu_slots: int = 1,
        observer: Observer | None = None,
        *,
        elsewhere: bool = False,
    ) -> None:
        self._cpu_slots, self._observer = cpu_slots, observer
        try:
            store.path.mkdir(parents=True, exist_ok=True)
            self._lock_file = _claim(store)
        except OSError as error:
            raise RunError(f"Cannot write to the runs folder {store.path}: {error.strerror}.") from None
        self.slots = () if elsewhere else find_slots(cpu_slots)
        self.queue = Queue(store)
        self.queue.table.set_slots(self.slots)
        self.queue.requests.delete_answers()
        self._taken: tuple[Slot, ...] = ()
        self._first_round = True
        self._followers: dict[str, Follow] = {}  # by the name of their executor
        self._handed_over: dict[Path, RunDirectory] = {}  # jobs whose end an executor has yet to report
        self._not_before: dict[Path, float] = {}  # when a job that could not be handed over is tried again
        self._unwritable: set[Path] = set()  # waiting jobs that cannot start, with an unwritable status
        self._wake, self._closing = threading.Event(), False
        self._thread: threading.Thread | None = None

    def running(self) -> list[tuple[str, Status]]:
        """Return the runs in training, as of the last round."""
        statuses = self.queue.statuses.items()
        return [(run_id, status) for run_id, status in statuses if status.state == "running"]

    @property
    def idle(self) -> bool:
        """Whether nothing ran or waited in the last round."""
        return not any(job.status.active for job in self.queue.jobs)

    def taken_gpus(self) -> tuple[str, ...]:
        """Return the ids (for CUDA_VISIBLE_DEVICES) of the GPUs assigned to jobs, as of the last round."""
        return tuple(slot.gpu for slot in self._taken if slot.gpu is not None)

    def describe(self, address: str) -> None:
        """Write the page's address to the lock file, for the message of InUseError."""
        self._lock_file.describe(json.dumps({"pid": os.getpid(), "address": address}))

    def start(self) -> None:
        """Run the scheduler in its own thread until `close`."""
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Begin the next round at once."""
        self._wake.set()

    def close(self) -> None:
        """Stop the thread and release the folder's lock; jobs keep running."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.queue.close()
        self._lock_file.release()

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while not self._closing:
            try:
                self.run_once()
            except Exception as error:  # one damaged run must not block the queue
                print(f"The scheduler failed, and tries again: {type(error).__name__}: {error}", flush=True)
            self._wake.wait(TICK_SECONDS)
            self._wake.clear()

    def run_once(self) -> None:
        """Refresh the queue, then start every job that fits."""
        self.queue.refresh()
        if self._first_round:
            self._first_round = False
            self._adopt()
            for run_id in sorted(run_id for run_id, _ in self.running()):
                print(f"Goes on with {run_id}, which is running.", flush=True)
        if self._observer is not None:
            self._observer(self.queue.runs, self.queue.statuses)
        self._start_waiting(self._free_slots())
        self._follow()

    def start_beside(self, job: EvaluationDirectory) -> None:
        """Start a waiting evaluation at once, without a slot, beside running jobs. Raises RunError."""
        if job.status().state != "queued":
            raise RunError(f"The evaluation does not wait; it is {job.status().state}.")
        if not self.slots and read_placement(job.path).executor == LOCAL:
            raise RunError(NOT_HERE)
        row = Row(job.run.id, job.id, "evaluation")
        executor_of(job).start(job, KINDS[row.kind].command(job), 1, {})
        self.queue.table.assign(row, BESIDE)

    def _free_slots(self) -> list[Slot]:
        """Return the slots that no running job holds; running jobs without known slots are assigned some."""
        free = list(self.slots)
        for job in self.queue.jobs:
            if job.status.state != "running" or job.row.slot == BESIDE or job.placement.executor != LOCAL:
                continue
            held = slots_named(job.row.slot, free)
            if not held:
                with contextlib.suppress(RunError):  # its config cannot be read any more
                    held = self._fitting(job, free)[1]
            free = [slot for slot in free if slot not in held]
            if held and slot_names(held) != job.row.slot:
                self.queue.table.assign(job.row, slot_names(held))
        return free

    def _start_waiting(self, free: list[Slot]) -> None:
        """Start the waiting jobs that fit in the free slots, in order."""
        passed_over: set[str] = set()  # slot kinds an earlier job waits for: not for later ones
        for job in self.queue.jobs:
            if self._closing or job.status.state != "queued" or job.directory.path in self._unwritable:
                continue
            if job.placement.executor != LOCAL:
                self._hand_over(job)
                continue
            try:
                kind, taken = self._fitting(job, [slot for slot in free if slot.kind not in passed_over])
            except RunError as error:  # with an unreadable config it can never run
                self._fail(job, str(error))
                continue
            if not taken:
                passed_over.add(kind)
                self._write_reason(job, kind)
            elif not _is_ending(job.directory):
                free = [slot for slot in free if slot not in taken]
                self._start_in_slots(job, taken)
        self._taken = tuple(slot for slot in self.slots if slot not in free)

    def _fitting(self, job: Job, free: list[Slot]) -> tuple[str, list[Slot]]:
        """Return the slot kind a job needs, and enough free slots of it or an empty list. Raises RunError."""
        kind, count = job.kind.slots_needed(job.directory, self.slots)
        fitting = [slot for slot in free if slot.kind == kind][:count]
        return kind, fitting if len(fitting) == count else []

    def _hand_over(self, job: Job) -> None:
        """Hand a waiting job to an executor that has a queue of its own, once."""
        path, now = job.directory.path, time.monotonic()
        if job.placement.pending or now < self._not_before.get(path, 0.0) or _is_ending(job.directory):
            return
        self._not_before[path] = now + RETRY_SECONDS
        self._start(job, {})
        if read_placement(path).pending:
            self._handed_over[path] = job.directory
            del self._not_before[path]

    def _adopt(self) -> None:
        """Find the jobs that an earlier scheduler handed over and whose end is not recorded yet."""
        directories: list[RunDirectory] = list(self.queue.runs.values())
        for run in self.queue.runs.values():
            directories += evaluations(run)
        for directory in directories:
            if read_placement(directory.path).pending:
                self._handed_over[directory.path] = directory

    def _follow(self) -> None:
        """Have the executors record what became of the jobs that were handed to them."""
        jobs: dict[str, list[RunDirectory]] = {name: [] for name in self._followers}
        for path, directory in list(self._handed_over.items()):
            placement = read_placement(path)
            if placement.pending and placement.executor in EXECUTORS.names:
                jobs.setdefault(placement.executor, []).append(directory)
            else:
                del self._handed_over[path]
        for name, placed in jobs.items():
            if name not in self._followers:
                self._followers[name] = EXECUTORS.get(name).follower()
            self._followers[name](placed)

    def _start_in_slots(self, job: Job, taken: list[Slot]) -> None:
        self.queue.table.assign(job.row, slot_names(taken))
        self._start(job, variables(taken, self._cpu_slots))

    def _start(self, job: Job, environment: Mapping[str, str]) -> None:
        try:
            command, processes = job.kind.command(job.directory), job.kind.processes(job.directory)
            executor_of(job.directory).start(job.directory, command, processes, environment)
        except RunError as error:
            self._fail(job, str(error))
        except OSError as error:  # possibly temporary, such as too many processes
            print(f"{job.directory.id} could not be started, and is tried again: {error}", flush=True)

    def _write_reason(self, job: Job, kind: str) -> None:
        """Write to the status of a job why it waits, if its kind does so."""
        count = sum(slot.kind == kind for slot in self.slots)
        reason = f"Waits for a {kind} slot: {count} of {count} taken." if self.slots else NOT_HERE
        if not job.kind.writes_reason or job.status.activity == reason:
            return
        # Under its lock: it may be stopped or started by hand at the same time.
        with contextlib.suppress(RunError), job.directory.lock():
            if job.directory.status().state == "queued":
                job.directory.update_status(activity=reason)

    def _fail(self, job: Job, sentence: str) -> None:
        """Record in a job's status why it cannot start; skip it until the next start if that fails."""
        directory = job.directory
        print(f"{directory.id}: {sentence}", flush=True)
        try:
            if directory.status().state == "queued":
                directory.update_status(state="failed", error=sentence, ended=time.time())
        except (RunError, OSError) as error:
            self._unwritable.add(directory.path)
            print(f"{directory.id} is passed over until the next start: {error}", flush=True)


def _is_ending(job: RunDirectory) -> bool:
    """Return whether a process still holds the job's lock, such as one that was just paused or stopped."""
    try:
        job.lock().release()
    except RunError:
        return True
    return False


def _claim(store: RunStore) -> FileLock:
    """Acquire the folder's lock. A terminal command that changes the queue holds it briefly, without a
    description, so that case is waited for.
    """
    deadline = time.monotonic() + TERMINAL_SECONDS
    while True:
        try:
            return FileLock(store.path / LOCK_FILE, json.dumps({"pid": os.getpid()}))
        except LockedError as error:
            if error.holder or time.monotonic() > deadline:
                raise InUseError(_in_use(store, error.holder)) from None
            time.sleep(0.05)


def _in_use(store: RunStore, holder: str) -> str:
    try:
        about = json.loads(holder)
    except ValueError:
        about = None
    about = about if isinstance(about, dict) else {}
    who = f"process {about.get('pid', '?')}" + (f" at {about['address']}" if about.get("address") else "")
    return (
        f"The runs folder {store.path} is in use by another dashboard or queue ({who}); use that one, choose "
        "another --runs-dir, or add --read-only to look without touching anything."
    )
