"""Configs on disk: YAML in and out, presets, and the merging of partial configs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from simsiam_core.config.problems import ConfigError
from simsiam_core.config.schema import Config

PRESETS_DIR = Path(__file__).resolve().parents[2] / "assets" / "presets"


def read_yaml(path: Path) -> dict[str, Any]:
    """Nested values from a YAML file. Raises ConfigError for a missing, malformed or non-mapping file."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError.at("", f"Cannot read {path}: {reason}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise ConfigError.at("", f"{path} is not valid YAML{where}: {problem}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError.at("", f"{path} must hold settings as 'section: …', not a {type(values).__name__}.")
    return values


def dump_yaml(config: Config) -> str:
    """The whole config as YAML, every default spelled out."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values, later layers over earlier ones: preset, then file, then flags."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            both = isinstance(value, Mapping) and isinstance(old, Mapping)
            merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


@dataclass(frozen=True)
class Preset:
    """A named partial config: what differs from the defaults."""

    name: str
    title: str
    description: str
    values: dict[str, Any]


def presets(folder: Path = PRESETS_DIR) -> dict[str, Preset]:
    """The presets in a folder, by name; a file added there is a preset added."""
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        values = read_yaml(path)
        title, description = values.pop("title", path.stem), values.pop("description", "")
        found[path.stem] = Preset(path.stem, str(title), str(description), values)
    return found


def preset(name: str) -> Preset:
    """One preset by name. Raises ConfigError that lists those there are."""
    known = presets()
    if name not in known:
        raise ConfigError.at("preset", f"There is no preset {name!r}; there are: {', '.join(known)}.")
    return known[name]
