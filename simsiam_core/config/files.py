"""Config files: reading and writing YAML, presets, and merging of partial configs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from simsiam_core.assets import asset_path
from simsiam_core.config.fields import fields
from simsiam_core.config.problems import ConfigError
from simsiam_core.config.scalars import scalar
from simsiam_core.config.schema import Config
from simsiam_core.config.yaml_reader import YamlError, read_yaml_text

PRESETS_DIR = asset_path("presets")
_LARGEST = 2**20  # bytes; a settings file has about 2,000


def read_yaml(path: Path) -> dict[str, Any]:
    """Read nested values from a YAML file. Raises ConfigError for a missing, malformed or non-mapping file."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ConfigError.at("", f"{path} is too large for a file of settings.")
        values = read_yaml_text(content.decode("utf-8-sig"), _texts())
    except OSError as error:
        raise ConfigError.at("", f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError.at("", f"Cannot read {path}: it is not UTF-8 text.") from None
    except YamlError as error:
        raise ConfigError.at("", f"{path} is not valid YAML, {error}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        kind = "list" if isinstance(values, list) else "single value"
        raise ConfigError.at("", f"{path} must hold settings as 'section: …', not a {kind}.")
    return values


@cache
def _texts() -> frozenset[str]:
    """Return the paths whose values are text as written, so that `name: 1e3` or `path: 2024` need no quotes."""
    return frozenset(("title", "description", *(spec.path for spec in fields() if spec.kind == "text")))


def dump_yaml(config: Config) -> str:
    """Return the whole config as YAML, with every default written out."""
    values = config.model_dump(mode="json")
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=math.inf)


class _Dumper(yaml.SafeDumper):
    """YAML dumper that quotes text which YAML 1.1 or 1.2 would read as another type."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(scalar(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested values; later layers override earlier ones: preset, then file, then flags."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            both = isinstance(value, Mapping) and isinstance(old, Mapping)
            merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


@dataclass(frozen=True)
class Preset:
    """Named partial config: the differences from the defaults."""

    name: str
    title: str
    description: str
    values: dict[str, Any]
    wants_gpu: bool = False
    adapts: bool = False  # whether the rest is chosen for the images and the machine, see `training.adapt`


def presets(folder: Path = PRESETS_DIR, *, adapting: bool = False) -> dict[str, Preset]:
    """Read the presets in a folder, by name; to add a preset, add a file.

    Those that adapt are no complete settings until they are adapted to images, so they are left out unless
    `adapting`.
    """
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        values = read_yaml(path)
        title, description = values.pop("title", path.stem), values.pop("description", "")
        wants_gpu, adapts = (values.pop(name, False) is True for name in ("wants_gpu", "adapts"))
        if adapting or not adapts:
            found[path.stem] = Preset(path.stem, str(title), str(description), values, wants_gpu, adapts)
    return found


def preset(name: str) -> Preset:
    """Read one preset by name. Raises ConfigError that lists the available ones."""
    known = presets(adapting=True)
    if name not in known:
        raise ConfigError.at("preset", f"There is no preset {name!r}; there are: {', '.join(known)}.")
    return known[name]
