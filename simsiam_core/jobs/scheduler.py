"""The scheduler: adopts what runs, starts what waits, and gives up the places of what has ended.

One for each folder of runs, held by a lock: in the dashboard's server, or in `queue run` without a browser.
It keeps nothing that is not on disk, so one that was killed is simply started again.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable

from simsiam_core.jobs.evaluations import EvaluationQueue
from simsiam_core.jobs.process import launch
from simsiam_core.jobs.queue import IN_QUEUE, Queue
from simsiam_core.jobs.slots import Slot, find_slots, named, names, needed, variables
from simsiam_core.runs import RunDirectory, RunError, RunStore, Status, Statuses
from simsiam_core.runs.lock import FileLock, LockedError

LOCK_FILE = ".server.lock"
MOVES_DIR = ".moves"
TICK_SECONDS = 1.0  # what a page does wakes it at once
Watcher = Callable[[dict[str, RunDirectory], dict[str, Status]], None]


class InUseError(RunError):
    """Another server or scheduler works on this folder of runs."""


class Scheduler:
    """Works the queue of one folder. Raises InUseError if somebody else does.

    `watcher` is shown all runs and statuses at every look: for notifications.
    """

    def __init__(self, store: RunStore, cpu_slots: int = 1, watcher: Watcher | None = None) -> None:
        self._store, self._cpu_slots, self._watcher = store, cpu_slots, watcher
        try:
            store.path.mkdir(parents=True, exist_ok=True)
            self._lock_file = FileLock(store.path / LOCK_FILE, json.dumps({"pid": os.getpid()}))
        except LockedError as error:
            raise InUseError(_in_use(store, error.holder)) from None
        except OSError as error:
            raise RunError(f"Cannot write to the runs folder {store.path}: {error.strerror}.") from None
        self.slots = find_slots(cpu_slots)
        self.queue = Queue(store.path)
        self.queue.set_slots(self.slots)
        self.evaluations = EvaluationQueue(store)
        self._read, self._statuses = Statuses(), dict[str, Status]()
        self._taken: tuple[Slot, ...] = ()
        self._looked = False
        self._unwritable: set[str] = set()  # waiting runs that can neither start nor be told to have failed
        self._wake, self._closing = threading.Event(), False
        self._thread: threading.Thread | None = None

    def running(self) -> list[tuple[str, Status]]:
        """What runs, as of the last look."""
        return [(run_id, status) for run_id, status in self._statuses.items() if status.state == "running"]

    def taken_gpus(self) -> tuple[str, ...]:
        """GPUs that jobs and evaluations were given, as CUDA_VISIBLE_DEVICES names them, as of the last look."""
        return tuple(slot.gpu for slot in self._taken if slot.gpu is not None)

    def describe(self, address: str) -> None:
        """Tell those who find the folder taken where the page is."""
        self._lock_file.describe(json.dumps({"pid": os.getpid(), "address": address}))

    def start(self) -> None:
        """Work in a thread of its own until `close`."""
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something to do: look at once."""
        self._wake.set()

    def close(self) -> None:
        """Leave jobs to themselves; let the next scheduler have the folder."""
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
                self.look()
            except Exception as error:  # one damaged run must not stop the queue for all others
                print(f"The queue stumbled: {type(error).__name__}: {error}", flush=True)
            self._wake.wait(TICK_SECONDS)
            self._wake.clear()

    def look(self) -> None:
        """One round: bring the queue in line with the runs, then start what can be started."""
        self._take_moves()
        runs = {run.id: run for run in self._store.runs()}
        statuses = self._statuses = self._read.read(runs.values())
        rows = {row.run: row for row in self.queue.rows()}
        if not self._looked:
            self._looked = True
            for run_id in sorted(run_id for run_id, status in statuses.items() if status.state == "running"):
                print(f"Goes on with {run_id}, which is running.", flush=True)
        for run_id in rows:
            if run_id not in runs or statuses[run_id].state not in IN_QUEUE:
                self.queue.remove(run_id)
        # By the moment they were made: ids of the same second differ in a random part alone.
        for run_id, status in sorted(statuses.items(), key=lambda item: (item[1].created, item[0])):
            if status.state in IN_QUEUE and run_id not in rows:
                self.queue.add(run_id)  # made by the page or a terminal, or before this server or queue file
        if self._watcher is not None:
            self._watcher(runs, statuses)
        self._start_waiting(runs, statuses)

    def _start_waiting(self, runs: dict[str, RunDirectory], statuses: dict[str, Status]) -> None:
        rows = self.queue.rows()
        free = list(self.slots)
        for row in rows:
            if statuses.get(row.run, Status()).state == "running":
                taken = named(row.slot, free) or self._some_slots(runs[row.run], free)
                free = [slot for slot in free if slot not in taken]
                if taken and names(taken) != row.slot:
                    self.queue.take(row.run, names(taken))
        self.evaluations.start(self.evaluations.settle(free), free, self.slots)
        passed_over: set[str] = set()  # kinds that a job waits for: none behind it may take them away
        for row in rows:
            if self._closing or statuses.get(row.run, Status()).state != "queued" or row.run not in runs:
                continue
            if row.run in self._unwritable:
                continue
            taken = self._some_slots(runs[row.run], [s for s in free if s.kind not in passed_over])
            if not taken:
                passed_over |= self._kind(runs[row.run])
                continue
            if _ending(runs[row.run]):
                continue
            free = [slot for slot in free if slot not in taken]
            self.queue.take(row.run, names(taken))
            try:
                launch(runs[row.run], variables(taken, self._cpu_slots))
            except RunError as error:
                self._fail(runs[row.run], str(error))
        self._taken = tuple(slot for slot in self.slots if slot not in free)

    def _some_slots(self, run: RunDirectory, free: list[Slot]) -> list[Slot]:
        """As many as it needs of those that are free, or none."""
        try:
            kind, count = needed(run.config().training, self.slots)
        except RunError as error:  # a config that cannot be read can never run
            self._fail(run, str(error))
            return []
        fitting = [slot for slot in free if slot.kind == kind][:count]
        return fitting if len(fitting) == count else []

    def _fail(self, run: RunDirectory, sentence: str) -> None:
        """Say why it cannot start, and do not try again: in its status, or here where that cannot be written."""
        print(f"{run.id}: {sentence}", flush=True)
        try:
            if run.status().state == "queued":
                run.update_status(state="failed", error=sentence, ended=time.time())
        except (RunError, OSError) as error:
            self._unwritable.add(run.id)
            print(f"{run.id} is passed over until the next start: {error}", flush=True)

    def _kind(self, run: RunDirectory) -> set[str]:
        with contextlib.suppress(RunError):
            return {needed(run.config().training, self.slots)[0]}
        return set()

    def _take_moves(self) -> None:
        """What terminals asked for while this scheduler held the lock."""
        for path in sorted((self._store.path / MOVES_DIR).glob("*.json")):
            try:
                wish = json.loads(path.read_text(encoding="utf-8"))
                self.queue.move(str(wish["run"]), wish["to"])
            except (OSError, ValueError, KeyError, TypeError, RunError) as error:
                print(f"A move was passed over: {error}", flush=True)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                print(f"{path} is in the way: {error.strerror}.", flush=True)


def _ending(run: RunDirectory) -> bool:
    """Whether the process that paused or stopped it has not quite ended."""
    try:
        run.lock().release()
    except RunError:
        return True
    return False


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
