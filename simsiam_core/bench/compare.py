"""Performance comparison with another checkout: page start, ticks, uploads, training; in alternating pairs.

Each measurement is made from outside, by the same client, on a fresh process of the checkout, so that the
other checkout may be an earlier version. Pairs alternate in their order; a first pair of dashboards is not
counted, since it compiles code that is then cached.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from simsiam_core.bench.checkouts import Checkouts
from simsiam_core.config import ConfigError

TITLES = {
    "page": "page start, s",
    "tick": "tick, ms",
    "upload": "upload to answer, ms",
    "quick": "training step of quick, ms",
}
LIMIT = 1.05  # this checkout counts as slower if the whole interval of the ratio is above
CONFIDENCE = 0.95
HERE = Path(__file__).resolve().parents[2]
Measure = Callable[[Path, Sequence[str]], dict[str, float]]
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Ratio:
    """The paired measurements of both checkouts and their ratio."""

    here: list[float]
    there: list[float]

    @property
    def middle(self) -> float:
        """The median of the ratios here / there: above 1 means slower here."""
        return median(h / t for h, t in zip(self.here, self.there, strict=True))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % t interval of the mean log ratio, as ratios."""
        from scipy.special import stdtrit

        logs = [math.log(h / t) for h, t in zip(self.here, self.there, strict=True)]
        quantile = float(stdtrit(len(logs) - 1, (1 + CONFIDENCE) / 2))
        half = quantile * stdev(logs) / math.sqrt(len(logs))
        return math.exp(fmean(logs) - half), math.exp(fmean(logs) + half)

    @property
    def slower(self) -> bool:
        """Whether the whole interval lies above the limit."""
        return self.interval[0] > LIMIT

    def as_json(self) -> dict[str, Any]:
        """Return the values for `--json`."""
        low, high = self.interval
        return {
            "here": self.here,
            "there": self.there,
            "ratio": self.middle,
            "low": low,
            "high": high,
            "slower": self.slower,
        }


def compare(
    against: Path, pairs: int, only: Sequence[str] = (), progress: Progress = lambda _share, _text: None
) -> dict[str, Ratio]:
    """Measure both checkouts; returns a ratio per measurement. Raises ConfigError."""
    for checkout in (HERE, against):
        if not (checkout / "dashboard.py").is_file() or not (checkout / "simsiam_core").is_dir():
            raise ConfigError.at("against", f"{checkout} is no checkout of this program.")
    if against == HERE:
        raise ConfigError.at("against", "That is this checkout; name another one, such as a git worktree.")
    if pairs < 2:
        raise ConfigError.at("pairs", "At least two pairs are needed for an interval.")
    try:
        with Checkouts(HERE, against) as checkouts:
            return alternate(HERE, against, pairs, only or tuple(TITLES), checkouts.measure, progress)
    except RuntimeError as error:
        raise ConfigError.at("against", str(error)) from None


def alternate(
    here: Path, there: Path, pairs: int, names: Sequence[str], measure: Measure, progress: Progress
) -> dict[str, Ratio]:
    """Measure in pairs, alternating which checkout comes first."""
    names = [name for name in TITLES if name in names]
    served = [name for name in names if name != "quick"]
    found: dict[Path, list[dict[str, float]]] = {here: [], there: []}
    for pair in range(pairs + 1):
        for checkout in (here, there) if pair % 2 else (there, here):
            what = f"pair {pair} of {pairs}" if pair else "a first pair that is not counted"
            progress(pair / (pairs + 1), f"Measuring {checkout.name}, {what}")
            if pair:
                found[checkout].append(measure(checkout, names))
            elif served:
                measure(checkout, served)
    return {
        name: Ratio([one[name] for one in found[here]], [one[name] for one in found[there]]) for name in names
    }


def table(ratios: dict[str, Ratio]) -> list[str]:
    """Return a printable table: medians of both, the ratio, its interval and the verdict."""
    lines = [f"{'':<28}{'here':>10}{'there':>10}{'ratio':>8}  95 % interval"]
    for name, ratio in ratios.items():
        low, high = ratio.interval
        verdict = "slower" if ratio.slower else "not slower" if high <= LIMIT else "no difference shown"
        here, there = median(ratio.here), median(ratio.there)
        lines.append(
            f"{TITLES[name]:<28}{here:>10.4g}{there:>10.4g}{ratio.middle:>8.3f}  {low:.3f} to {high:.3f}: {verdict}"
        )
    return lines
