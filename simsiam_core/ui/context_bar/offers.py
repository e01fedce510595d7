"""What the bar offers and never takes by itself: a newer checkpoint, or a run that has just finished."""

from __future__ import annotations

import time
from typing import Any

from simsiam_core.ui.components.checkpoint_picker import checkpoint_name
from simsiam_core.ui.context import Context
from simsiam_core.ui.context_bar.network import ChosenNetwork, newer_checkpoint
from simsiam_core.ui.text import run_name

NEWS_SECONDS = 600.0  # a run that ended before that is no news


def offer(context: Context, network: ChosenNetwork | None) -> dict[str, Any] | None:
    """A sentence, the label of a button, and what that chooses; None where there is nothing to offer."""
    if network is None:  # or not known yet: a page that opens
        return None
    if newer := newer_checkpoint(context, network):
        sentence = f"{run_name(network.run)} has a newer checkpoint, {checkpoint_name(newer)}."
        return _offered(sentence, network.run, newer)
    finished = _just_finished(context, network)
    return _offered(f"{run_name(finished)} has finished.", finished, None) if finished else None


def _just_finished(context: Context, network: ChosenNetwork) -> str | None:
    """The run that ended last, if that was lately and it is not the chosen one."""
    snapshot, since = context.snapshots.look(), time.time() - NEWS_SECONDS
    ended = {
        run_id: status.ended
        for run_id, status in snapshot.statuses.items()
        if status.state == "finished" and status.ended is not None and status.ended > since
    }
    last = max(ended, key=lambda run_id: ended[run_id], default=None)
    return last if last != network.run else None


def _offered(sentence: str, run_id: str, checkpoint: str | None) -> dict[str, Any]:
    return {"sentence": sentence, "label": "Look at it", "run": run_id, "checkpoint": checkpoint}
