"""Heartbeats between the processes of a run: each notices when another was killed, froze or lost its network.

Whatever they exchange waits as long as it takes, for one of them may measure or write for minutes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from torch.distributed import is_torchelastic_launched
from torch.distributed.distributed_c10d import Store

BEAT_SECONDS = 1.0
# Beats of this process, not seconds, so that a machine that was suspended misses nobody.
SILENT_BEATS = 25  # without one from another process, which is then lost
CHECKED_BEATS = 3  # the same, once an exchange with the others has failed
FAILURE = "failure"


class Heartbeat(threading.Thread):
    """Thread that ends this process, after `on_loss` with a sentence for the user, when another is lost."""

    def __init__(self, store: Store, index: int, count: int, on_loss: Callable[[str], None]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.over = threading.Event()
        self._store, self._index, self._on_loss = store.clone(), index, on_loss
        self._counts, self._silent = [0] * count, [0] * count
        self.start()

    def run(self) -> None:
        """Beat until training is over."""
        beat = threading.Thread()
        while not self.over.wait(BEAT_SECONDS):
            if not beat.is_alive():
                beat = threading.Thread(target=self._beat, daemon=True)
                beat.start()
            elif not is_torchelastic_launched():  # the process that keeps the store, the first one, is frozen
                self._silent[0] += 1
            lost = self._lost(SILENT_BEATS)
            if lost and not self.over.is_set():
                self._on_loss(lost if beat.is_alive() else self._first_failure(lost))
                os._exit(1)  # the main thread waits for the lost process

    def first_is_lost(self) -> bool:
        """Return whether the first process is lost, and this is the next one that is not."""
        return self._index > 0 and all(silent >= CHECKED_BEATS for silent in self._silent[: self._index])

    def cause(self, own: str | None) -> str | None:
        """Return why the run ends: what another process failed with, the loss of one, or else `own`."""
        for _ in range(CHECKED_BEATS + 2):
            if found := self._first_failure(self._lost(CHECKED_BEATS)):
                return found
            self.over.wait(BEAT_SECONDS)
        return self._first_failure(own or "") or None

    def _first_failure(self, sentence: str) -> str:
        """Return the sentence that is kept for all processes, which is this one if there is none yet."""
        try:
            if not sentence and not self._store.check([FAILURE]):
                return ""
            return self._store.compare_set(FAILURE, "", sentence).decode()
        except RuntimeError:  # the process that keeps the store has ended
            return sentence

    def _beat(self) -> None:
        try:
            self._store.add(f"beat {self._index}", 1)
            counts = [self._store.add(f"beat {other}", 0) for other in range(len(self._counts))]
        except RuntimeError:
            self._silent[0] = SILENT_BEATS  # the first process keeps the store where torchrun does not
            return
        pairs = zip(counts, self._counts, self._silent, strict=True)
        # One that has not come yet is not lost: whoever started it knows better.
        self._silent = [0 if new != old or not new else silent + 1 for new, old, silent in pairs]
        self._counts = counts

    def _lost(self, beats: int) -> str:
        for index, silent in enumerate(self._silent):
            if silent >= beats:
                return (
                    f"Process {index + 1} of {len(self._silent)} was killed, or does not answer any more. "
                    "Resume goes on from the newest checkpoint."
                )
        return ""
