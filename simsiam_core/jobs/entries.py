"""Read-only view of the queue, without a lock: running and waiting runs, in order, with why each waits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from simsiam_core.jobs.kinds import KINDS
from simsiam_core.jobs.slots import Slot, slots_named, slots_needed
from simsiam_core.jobs.table import Row, read_table
from simsiam_core.runs import RunDirectory, RunError, RunStore, Status
from simsiam_core.runs.placement import LOCAL, read_placement

NOT_HANDED_OVER = "Waits for a dashboard or 'queue run' to hand it over."
IN_QUEUE = KINDS["training"].in_queue


@dataclass(frozen=True)
class Entry:
    """A run in the queue as displayed: its place, from 1, and why it waits or where it runs."""

    run: RunDirectory
    status: Status
    place: int
    reason: str
    local: bool = True  # waits for a slot of this machine


def read_queue(store: RunStore) -> list[Entry]:
    """Return the queue of a folder, without taking its lock."""
    runs = {run.id: run for run in store.runs()}
    return queue_entries(store, runs, {run_id: run.status() for run_id, run in runs.items()}, runs)


def queue_entries(
    store: RunStore,
    runs: Mapping[str, RunDirectory],
    statuses: Mapping[str, Status],
    candidates: Iterable[str],
) -> list[Entry]:
    """Return the same as `read_queue`, from runs and statuses (by id) that were already read.

    No run can be in the queue but the `candidates`.
    """
    in_queue = {run_id for run_id in candidates if statuses[run_id].state in IN_QUEUE}
    if not in_queue:
        return []
    rows, slots = read_table(store.path)
    ids = [row.run for row in rows if not row.id and row.run in in_queue]
    ids += sorted(in_queue - set(ids), key=lambda run_id: (statuses[run_id].created, run_id))
    slot_of = {row.run: row.slot for row in rows if not row.id}
    held = list(_held(rows, runs, statuses))
    entries: list[Entry] = []
    ahead = 0
    for run in (runs[run_id] for run_id in ids):
        placement = read_placement(run.path)
        local = placement.executor == LOCAL
        if local or statuses[run.id].state == "paused":
            reason = _reason(run, statuses[run.id], slot_of.get(run.id, ""), slots, held, ahead)
        else:
            reason = placement.note or NOT_HANDED_OVER
        entries.append(Entry(run, statuses[run.id], len(entries) + 1, reason, local))
        ahead += statuses[run.id].state == "queued" and local
    return entries


def _held(
    rows: Sequence[Row], runs: Mapping[str, RunDirectory], statuses: Mapping[str, Status]
) -> Iterator[str]:
    """Yield the recorded slots of every running job, evaluations included."""
    for row in rows:
        if row.slot and row.run in runs and row.kind in KINDS:
            with contextlib.suppress(RunError):  # deleted in the meantime
                status = KINDS[row.kind].find(runs[row.run], row.id).status() if row.id else statuses[row.run]
                if status.state == "running":
                    yield row.slot


def _reason(
    run: RunDirectory, status: Status, slot: str, slots: tuple[Slot, ...], held: Sequence[str], ahead: int
) -> str:
    """Return why the run waits or where it runs; `ahead` is the number of local runs waiting before it."""
    if status.state == "running":
        return f"Runs on {slot}." if slot else "Runs."
    if status.state == "paused":
        return f"Paused at step {status.step}; it keeps its place and waits for Resume."
    if not slots:
        return "Waits for a dashboard or 'queue run' to start it."
    try:
        kind, count = slots_needed(run.config().training, slots)
    except RunError as error:
        return str(error)
    fitting = [slot for slot in slots if slot.kind == kind]
    taken = {slot for noted in held for slot in slots_named(noted, fitting)}
    if len(fitting) - len(taken) < count:
        wanted = f"a {kind} slot" if count == 1 else f"{count} {kind} slots"
        why = f"Waits for {wanted}: {len(taken)} of {len(fitting)} taken"
        return why + (f", and {ahead} before it." if ahead else ".")
    return f"Starts after the {ahead} before it." if ahead else "Starts in a moment."
