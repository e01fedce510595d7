"""Progress bar of a foreground run, on the last line of its terminal."""

from __future__ import annotations

import shutil
from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm

from simsiam_core.output import Terminal

REDRAW_SECONDS = 0.5


class ProgressBar(pl.Callback):
    """Progress bar with steps, epochs and time left; kept out of the log, and without escape sequences.

    Replaces Lightning's own, which starts a new line for each epoch and overwrites other output.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._bar: tqdm | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the bar at the step where the run starts or resumes."""
        self._bar = self._terminal.bar = tqdm(
            total=pl_module.total_steps,
            initial=trainer.global_step,
            file=self._terminal,
            unit="step",
            mininterval=REDRAW_SECONDS,
            ncols=_columns(),
            nrows=2,  # fixed: a terminal that does not know its size, as in a container, reports none
            leave=False,  # the log is the permanent record
            bar_format="{n_fmt} of {total_fmt} steps |{bar}| {desc}{elapsed} < {remaining}",
        )
        self._show_epoch(pl_module)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Advance by one step."""
        if self._bar is not None:
            self._bar.ncols = _columns()
            self._bar.update()
            if pl_module.at_epoch_end:
                self._show_epoch(pl_module)

    def teardown(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Remove the bar, however training ends."""
        self._terminal.bar = None
        if self._bar is not None:
            self._bar.close()

    def _show_epoch(self, module: Any) -> None:
        assert self._bar is not None
        self._bar.set_description_str(
            f"epoch {module.epochs_done} of {module.config.training.epochs}, ", refresh=False
        )


def _columns() -> int:
    """Return the columns that fit on a line now; assumes a width of 80 if the terminal reports none."""
    return shutil.get_terminal_size().columns - 1
