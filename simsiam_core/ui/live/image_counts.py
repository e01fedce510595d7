"""How many images a config would train on, asked at every key the form is given."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from simsiam_core.config import Config, DataConfig

KEPT_SECONDS = 10.0
LISTED_SECONDS = 5.0  # a folder that takes longer, such as a whole disk, has an unknown number


@dataclass
class ImageCounts:
    """Numbers of training images, kept for a while: listing a large folder takes the server half a second."""

    _kept: dict[DataConfig, tuple[float, int | None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)  # of one folder, one listing at a time

    def of(self, config: Config) -> int | None:
        """As `count_train`, at most ten seconds old. Raises ConfigError at data.path, which is not kept."""
        with self._lock:
            now = time.monotonic()
            self._kept = {data: kept for data, kept in self._kept.items() if now - kept[0] < KEPT_SECONDS}
            if config.data not in self._kept:
                from simsiam_core.data import count_train  # brings torch, which the page must not wait for

                count = count_train(config.data, LISTED_SECONDS)
                self._kept[config.data] = (time.monotonic(), count)
            return self._kept[config.data][1]

    def anew(self, config: Config) -> int | None:
        """Counted now: what is about to be started must not rest on a folder as it was."""
        with self._lock:
            self._kept.pop(config.data, None)
        return self.of(config)
