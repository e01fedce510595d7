from __future__ import annotations

from collections.abc import Iterator

from simsiam_core.ui.components.latest import Latest


def test_a_late_answer_is_dropped_and_the_newest_is_shown() -> None:
    latest = Latest()
    closed = []

    def answers(name: str) -> Iterator[dict[str, str]]:
        try:
            yield {"panel": f"{name} begins"}
            yield {"panel": name}
        finally:
            closed.append(name)

    slow, nothing = latest.only(answers("slow"), {}), {}
    assert next(slow) == {"panel": "slow begins"}
    quick = list(latest.only(answers("quick"), nothing))
    assert quick == [{"panel": "quick begins"}, {"panel": "quick"}]
    assert list(slow) == [nothing], "what was asked before comes too late"
    assert closed == ["quick", "slow"]


def test_panels_do_not_disturb_each_other() -> None:
    one, other = Latest(), Latest()
    first = one.only(iter([{"a": 1}, {"a": 2}]), {})
    assert next(first) == {"a": 1}
    assert list(other.only(iter([{"b": 1}]), {})) == [{"b": 1}]
    assert list(first) == [{"a": 2}]


def test_what_was_asked_first_and_comes_second_is_dropped() -> None:
    """Kind: of three recipes clicked in quick succession, the second one stood in the form."""
    latest = Latest()
    assert latest.is_newest(newest := latest.begin(20.0))
    assert not latest.is_newest(latest.begin(10.0))
    assert list(latest.only(iter([{"a": 1}]), {}, 10.0)) == [{}]
    assert latest.is_newest(newest)
    assert list(latest.only(iter([{"a": 1}]), {})) == [{"a": 1}], "nobody said when"
    assert not latest.is_newest(newest)
    assert not latest.is_newest(latest.begin(15.0)), "asked before the one that said when"
