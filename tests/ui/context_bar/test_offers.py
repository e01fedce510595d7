"""What the bar offers beside the chosen network."""

from __future__ import annotations

import time
from pathlib import Path

from tiny import tiny

from simsiam_core.runs import RunStore, Status
from simsiam_core.ui.context import Context
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.context_bar.offers import NEWS_SECONDS, offer


def test_a_newer_checkpoint_is_offered_before_a_run_that_has_just_finished(tmp_path: Path) -> None:
    context = Context(RunStore(tmp_path), None)  # type: ignore[arg-type]  # nothing is encoded
    run = context.store.create(tiny(name="mine"), Status(state="stopped"))
    for epoch in (2, 4):
        (run.checkpoints_dir / f"epoch={epoch:04d}.ckpt").touch()
    ended = Status(state="finished", ended=time.time())
    other = context.store.create(tiny(name="other"), ended)
    first = offer(context, ChosenNetwork(run.id, "epoch=0002"))
    assert first is not None and (first["run"], first["checkpoint"]) == (run.id, "epoch=0004")
    second = offer(context, ChosenNetwork(run.id, "epoch=0004"))
    assert second is not None and second["run"] == other.id and "has finished" in second["sentence"]
    assert offer(context, ChosenNetwork(other.id, "epoch=0002")) is None, "it is the chosen one"
    assert offer(context, None) is None
    other.write_status(ended.model_copy(update={"ended": time.time() - 2 * NEWS_SECONDS}))
    context.snapshots.forget()
    assert offer(context, ChosenNetwork(run.id, "epoch=0004")) is None, "that was long ago"
