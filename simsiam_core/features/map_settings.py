"""The settings of a map, and what is refused of them."""

from __future__ import annotations

from dataclasses import dataclass

from simsiam_core.config import ConfigError


@dataclass(frozen=True)
class MapSettings:
    """Settings of a map. Raises ConfigError at `map.<name>` for an invalid value."""

    method: str = "umap"  # or "pca"
    split: str = "train"
    sample: int = 5000
    dimensions: int = 2
    neighbours: int = 15
    min_dist: float = 0.1
    metric: str = "cosine"
    reproducible: bool = False
    dense: bool = False

    def __post_init__(self) -> None:
        for name, choices in {
            "method": ("pca", "umap"),
            "dimensions": (2, 3),
            "metric": ("cosine", "euclidean", "manhattan"),
        }.items():
            if getattr(self, name) not in choices:
                known = " or ".join(str(choice) for choice in choices)
                raise ConfigError.at(f"map.{name}", f"{getattr(self, name)!r} is no {name}; choose {known}.")
        for name, low, high in (("sample", 10, 200_000), ("neighbours", 2, 200), ("min_dist", 0, 1)):
            if not low <= getattr(self, name) <= high:
                title = name.replace("_", " ")
                sentence = f"{title} is {getattr(self, name):g}; it must be from {low:g} to {high:g}."
                raise ConfigError.at(f"map.{name}", sentence.capitalize())
