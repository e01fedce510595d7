"""How other pages write into the form of the Train page and read from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fill:
    """`updates(values)` are for the components `outputs`; `values(given)` are the settings that `given` holds."""

    outputs: list[Any]
    updates: Callable[[Mapping[str, Any]], list[Any]]
    given: Any
    values: Callable[[Mapping[str, Any]], dict[str, Any]]
