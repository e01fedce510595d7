from __future__ import annotations

import json
import math
from typing import Any

from simsiam_core.ui.live.updates import Aim, News, Part, updates_widget


def ask(parts: list[Part], asked: Any, controls: Any = None) -> tuple[dict[str, Any], list[Aim]]:
    aims: list[Aim] = []

    def look(aim: Aim) -> News:
        aims.append(aim)
        return News(parts, controls, ["run"])

    return json.loads(updates_widget("news", look).news(asked).body), aims


def test_only_what_the_page_has_not_is_made_and_sent() -> None:
    made: list[str] = []
    parts = [
        Part(name, (name, 1), lambda name=name: made.append(name) or name.upper()) for name in ("a", "b")
    ]
    first, _ = ask(parts, {})
    assert first["parts"] == {"a": "A", "b": "B"}
    made.clear()
    assert ask(parts, {})[0]["parts"] == first["parts"]  # another page
    assert made == []
    parts = [parts[0], Part("b", ("b", 2), parts[1].make)]
    second, _ = ask(parts, {"have": first["versions"]})
    assert second["parts"] == {"b": "B"}
    assert made == ["b"]
    assert second["controls"] == first["controls"] != ask(parts, {}, controls=1)[0]["controls"]


def test_a_number_that_is_none_is_sent_as_null() -> None:
    answer, _ = ask([Part("a", 1, lambda: [1.5, math.nan, math.inf])], {})
    assert answer["parts"] == {"a": [1.5, None, None]}
    assert answer["chosen"] == ["run"]


def test_whatever_is_asked_is_answered() -> None:
    for asked in (
        None,
        1,
        [],
        {"chosen": 3, "have": []},
        {"chosen": [{}, None], "axis": {}, "have": {"a": {}}},
    ):
        answer, aims = ask([Part("a", 1, lambda: "A")], asked)
        assert answer["parts"] == {"a": "A"}
        assert all(isinstance(run_id, str) for run_id in aims[0].chosen)
