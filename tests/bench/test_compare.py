from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from simsiam_core.bench import compare as module
from simsiam_core.bench.checkouts import Checkouts
from simsiam_core.bench.compare import HERE, Ratio, alternate, compare, table
from simsiam_core.cli import main
from simsiam_core.config import ConfigError

NOISE = (1.0, 0.99, 1.02, 1.01, 0.98)


class Fake:
    """Figures of two checkouts, of which one takes `factor` times as long."""

    def __init__(self, factor: float) -> None:
        self._factor, self._noise = factor, itertools.cycle(NOISE)
        self.asked: list[tuple[Path, tuple[str, ...]]] = []

    def measure(self, checkout: Path, names: Sequence[str]) -> dict[str, float]:
        self.asked.append((checkout, tuple(names)))
        return dict.fromkeys(names, (self._factor if checkout == HERE else 1.0) * next(self._noise))


@pytest.fixture
def other(tmp_path: Path) -> Path:
    (tmp_path / "simsiam_core").mkdir()
    (tmp_path / "dashboard.py").touch()
    return tmp_path


def faked(monkeypatch: pytest.MonkeyPatch, factor: float) -> Fake:
    fake = Fake(factor)

    def checkouts(_here: Path, _there: Path) -> AbstractContextManager[SimpleNamespace]:
        return nullcontext(SimpleNamespace(measure=fake.measure))

    monkeypatch.setattr(module, "Checkouts", checkouts)
    return fake


def test_pairs_alternate_and_the_first_is_not_counted(other: Path) -> None:
    fake, shares = Fake(1.0), []
    found = alternate(
        HERE, other, 3, ["quick", "page"], fake.measure, lambda share, _text: shares.append(share)
    )
    assert fake.asked[:2] == [(other, ("page",)), (HERE, ("page",))], "training needs no such pair"
    assert [checkout for checkout, _ in fake.asked[2:]] == [HERE, other, other, HERE, HERE, other]
    assert all(names == ("page", "quick") for _, names in fake.asked[2:])
    assert [len(ratio.here) for ratio in found.values()] == [3, 3]
    assert shares == sorted(shares)


def test_training_alone_starts_no_dashboards(other: Path) -> None:
    fake = Fake(1.0)
    alternate(HERE, other, 2, ["quick"], fake.measure, lambda _share, _text: None)
    assert len(fake.asked) == 4


def test_the_interval_is_that_of_the_mean_log_ratio() -> None:
    ratio = Ratio(here=[2.0, 8.0, 4.0], there=[1.0, 2.0, 4.0])  # log2: 1, 2, 0
    low, high = ratio.interval
    half = 4.302653 / 3**0.5  # the 97.5 % quantile of t with two degrees of freedom, a deviation of one
    assert (low, high) == pytest.approx((2 ** (1 - half), 2 ** (1 + half)), rel=1e-5)
    assert ratio.middle == 2


@pytest.mark.parametrize(
    ("factor", "code", "verdict"), [(1.0, 0, "not slower"), (1.2, 1, "slower"), (1.05, 0, "no difference")]
)
def test_a_slower_checkout_fails(
    factor: float,
    code: int,
    verdict: str,
    other: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    faked(monkeypatch, factor)
    command = ["bench", "compare", "--against", str(other), "--only", "page", "--only", "tick"]
    assert main([*command, "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert set(told["measures"]) == {"page", "tick"}
    assert told["measures"]["page"]["slower"] is bool(code)
    assert len(told["measures"]["page"]["here"]) == told["pairs"] == 10
    assert main(command) == code
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].partition(": ")[2].startswith(verdict)


def test_lines_have_both_medians_and_the_ratio() -> None:
    line = table({"quick": Ratio([110.0, 110.0], [100.0, 100.0])})[1]
    assert line.split()[-7:] == ["110", "100", "1.100", "1.100", "to", "1.100:", "slower"]


def test_what_cannot_be_compared_is_told(
    tmp_path: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["bench", "compare"]) == 2
    assert main(["bench", "compare", "--against", str(tmp_path / "none")]) == 2
    assert main(["bench", "compare", "--against", str(HERE)]) == 2
    faked(monkeypatch, 1.0)
    with pytest.raises(ConfigError, match="two pairs"):
        compare(other, 1)


def test_a_checkout_is_measured_from_outside(tmp_path: Path) -> None:
    """The page of this very checkout, over a run that it trains first."""
    other = tmp_path / "other"
    other.symlink_to(HERE)
    with Checkouts(HERE, other) as checkouts:
        found = checkouts.measure(other, ["page", "tick"])
    assert list(found) == ["page", "tick"]
    assert all(value > 0 for value in found.values())
