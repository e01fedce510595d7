"""Events of the whole page: none is dropped that a person chose, and none brings a browser the whole form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from simsiam_core.runs import RunStore
from simsiam_core.ui.app import build
from simsiam_core.ui.context import Context

MOST = 20  # inputs of one event that the server answers
CHOICES = {"input", "select", "upload"}
DROPPED = "once"  # gradio's name for an event that is dropped while the one before is being answered
# Whatever is answered for the one before holds for the next: a page that opens, runs that are not here, the title.
ALL_THE_SAME = {"welcome-doors", "monitor-news", "page-title"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    store = RunStore(tmp_path_factory.mktemp("runs"))
    page = build(Context(store, None))  # type: ignore[arg-type]  # nothing is asked
    return page.get_config_file()


def test_a_choice_that_is_made_while_the_one_before_is_answered_counts(config: Mapping[str, Any]) -> None:
    """Kind: of two recipes or runs clicked within half a second, the second was ignored."""
    components = {component["id"]: component for component in config["components"]}
    chosen, dropped = set[str](), set[str]()
    for event in (event for event in config["dependencies"] if event["backend_fn"]):
        for target, kind in event["targets"]:
            component = components.get(target)
            if component is None or kind not in CHOICES or component["type"] == "tabitem":
                continue
            chosen.add(name := str(component["props"].get("elem_id")))
            if event["trigger_mode"] == DROPPED:
                dropped.add(name)
    assert {"bar", "train-presets", "train-upload", "neighbours-upload", "evaluate-kind"} <= chosen
    assert dropped <= ALL_THE_SAME


def test_no_event_that_the_server_answers_has_the_whole_form_as_inputs(config: Mapping[str, Any]) -> None:
    """Kind: each had eighty, and a browser spent seconds on them whenever a page was opened."""
    answered = [event for event in config["dependencies"] if event["backend_fn"]]
    assert len(answered) > 100
    assert max(len(event["inputs"]) for event in answered) <= MOST
