"""Sweeps: lists such as `lr: 0.03, 0.06, 0.12` or a range for any field, expanded into configs."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simsiam_core.config.fields import FieldSpec, find_field, typed
from simsiam_core.config.files import merge
from simsiam_core.config.problems import ConfigError, parse
from simsiam_core.config.scalars import scalar
from simsiam_core.config.schema import Config
from simsiam_core.config.unused import refuse_unused

MAX_RUNS = 100
RANGE = re.compile(r"^([^:]+):([^:]+):(\d+)(:log)?$")


@dataclass(frozen=True)
class Sweep:
    """Field with the values it should take, as text."""

    spec: FieldSpec
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.spec.name} {', '.join(self.values)}"


def read_sweeps(lines: Sequence[str]) -> list[Sweep]:
    """Parse lines such as `lr: 0.03, 0.06` or `predictor=true,false`. Raises ConfigError.

    `optimiser.base_lr=0.01:1:3:log` is a range: 3 values from 0.01 to 1.
    """
    return [_read(line) for line in lines if line.strip()]


def _read(line: str) -> Sweep:
    name, separator, text = (
        re.split(r"([:=])", line, maxsplit=1) if re.search("[:=]", line) else (line, "", "")
    )
    spec = find_field(name)
    if spec is None or not separator or not text.strip():
        sentence = (
            f"{line.strip()!r} is no sweep; write a field and its values, such as 'lr: 0.03, 0.06, 0.12'."
        )
        raise ConfigError.at("sweep", sentence)
    values = [value for part in text.split(",") for value in _values(part.strip(), spec)]
    return Sweep(spec, tuple(dict.fromkeys(values)))


def _values(part: str, spec: FieldSpec) -> list[str]:
    if not (spec.kind in ("int", "float") and (match := RANGE.match(part))):
        return [part] if part else []
    try:
        low, high, count = _number(match[1]), _number(match[2]), int(match[3])
        if not 2 <= count <= MAX_RUNS or (match[4] and min(low, high) <= 0):
            raise ValueError
    except ValueError:
        sentence = f"{part!r} is no range; write from:to:count, or from:to:count:log with numbers above 0."
        raise ConfigError.at("sweep", sentence) from None
    shares = [i / (count - 1) for i in range(count)]
    if match[4]:
        numbers = [math.exp(math.log(low) + s * (math.log(high) - math.log(low))) for s in shares]
    else:
        numbers = [low + s * (high - low) for s in shares]
    return [f"{round(n)}" if spec.kind == "int" else f"{n:.6g}" for n in numbers]


def _number(text: str) -> float:
    value = scalar(text.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return value


def expand(values: Mapping[str, Any], sweeps: Sequence[Sweep]) -> list[Config]:
    """Build every combination over the nested `values`, each with a distinct name.

    Raises ConfigError if any of them is invalid, or if there are too many.
    """
    count = math.prod(len(sweep.values) for sweep in sweeps)
    if count > MAX_RUNS:
        raise ConfigError.at("sweep", f"These are {count} runs; a sweep has at most {MAX_RUNS}.")
    configs = []
    for combination in itertools.product(*(sweep.values for sweep in sweeps)):
        changes = merge(*(s.spec.nested(typed(s.spec, v)) for s, v in zip(sweeps, combination, strict=True)))
        names = [f"{s.spec.name} {v}" for s, v in zip(sweeps, combination, strict=True)]
        label = re.sub(r"[^\w\- .]", "", " ".join([str(values.get("name") or ""), *names])).strip()[-40:]
        configs.append(parse(merge({"name": label.strip()}, values, {"name": label.strip()}, changes)))
        refuse_unused(configs[-1], changes)
    return configs
