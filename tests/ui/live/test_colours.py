from __future__ import annotations

from simsiam_core.ui.live.colours import APART, run_colours

IDS = [f"20261129-0711{n:02d}-sweep-{n:04x}" for n in range(60)]


def test_runs_begun_one_after_another_differ() -> None:
    colours = list(run_colours(IDS).values())
    assert all(len(set(colours[at : at + APART])) == APART for at in range(len(colours) - APART + 1))


def test_a_run_keeps_its_colour_whatever_is_begun_after_it() -> None:
    few, many = run_colours(reversed(IDS[:20])), run_colours(IDS)
    assert few == {run_id: many[run_id] for run_id in IDS[:20]}
