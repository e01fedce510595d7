from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simsiam_core.config import fields, parse, preset
from simsiam_core.ui.train.draft import MAX_TEXT, Draft, Filled, nested, read_draft

QUICK = {"training.epochs": 30, "training.batch_size": 64, "data.path": "", "name": "quick"}
DRAFT = Draft(QUICK, QUICK, Filled(12.5, "Quick look", "quick"))


def test_what_the_browser_keeps_comes_back() -> None:
    assert read_draft(DRAFT.as_json()) == DRAFT


def test_only_settings_are_counted_as_changed() -> None:
    changed = DRAFT.follow(QUICK | {"training.epochs": 30.0, "data.path": None, "name": "mine"})
    assert changed.changed() == []  # as gradio gives the same values back, and a name is no setting
    changed = DRAFT.follow(QUICK | {"training.epochs": 31, "data.path": "photos"})
    assert [spec.path for spec in changed.changed()] == ["data.path", "training.epochs"]


@pytest.mark.parametrize(
    "kept",
    [
        None,
        "text",
        {},
        {"settings": [], "base": {}, "filled": {}},
        {"settings": {}, "base": {}, "filled": {"at": "now", "title": "x"}},
        {"settings": {}, "base": {}, "filled": {"at": 1, "title": None}},
    ],
)
def test_what_is_no_draft_is_left_alone(kept: Any) -> None:
    assert read_draft(kept) is None


def test_nothing_but_plain_values_of_known_settings_is_taken() -> None:
    strange = {
        "data.path": {"path": "/etc/passwd"},
        "training.epochs": [1],
        "unknown": 3,
        "name": "x" * (MAX_TEXT + 1),
    }
    kept = replace(DRAFT, settings=strange | {"training.batch_size": 8}).as_json()
    draft = read_draft(kept)
    assert draft and draft.settings == {"training.batch_size": 8}


def test_settings_by_path_make_a_config() -> None:
    values = preset("quick").values
    config = parse(values)
    by_path = {
        spec.path: getattr(
            getattr(config, section) if (section := spec.path.rpartition(".")[0]) else config, spec.name
        )
        for spec in fields()
    }
    assert parse(nested(by_path)) == config
