from __future__ import annotations

import pytest
from tiny import TINY

from simsiam_core.config import ConfigError, merge
from simsiam_core.ui.train.several import configs, counted
from simsiam_core.ui.train.start import label


def test_one_run_a_sweep_or_an_ablation() -> None:
    assert [
        len(configs(*asked, TINY)[0]) for asked in ((None, None), ("", "seed: 1, 2, 3"), ("collapse", ""))
    ] == [
        1,
        3,
        3,
    ]
    assert configs("collapse", "", TINY)[1] == "collapse"
    assert configs("", "seed: 1, 2", TINY)[1] == "seed 1, 2"
    with pytest.raises(ConfigError, match="not both at once"):
        configs("collapse", "seed: 1, 2", TINY)


def test_the_note_says_how_many_or_what_is_wrong_with_them() -> None:
    assert counted(None, None, TINY) == (1, "")
    number, note = counted("collapse", None, TINY)
    assert number == 3 and "What prevents collapse?" in note and "3 runs" in note
    assert "is no sweep" in counted("", "sed: 1, 2", TINY)[1]
    refused = merge(TINY, {"training": {"epochs": 0}})
    assert counted("", "", refused) == (1, ""), "that is said at its field"


@pytest.mark.parametrize(
    ("runs", "figures", "text"),
    [
        (1, "", "Start 1 run"),
        (1, "about 4 min · 1.1 GB", "Start 1 run · about 4 min · 1.1 GB"),
        (4, "about 4 min · 1.1 GB", "Start 4 runs · about 4 min each · 1.1 GB"),
        (4, "1.1 GB", "Start 4 runs · 1.1 GB"),
    ],
)
def test_start_says_what_it_starts(runs: int, figures: str, text: str) -> None:
    assert label(runs, figures) == text
