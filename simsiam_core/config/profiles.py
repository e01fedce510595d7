"""Named settings of executors that a user keeps: one YAML file, `profiles.yaml`, for all folders of runs.

gpu:
partition: gpu
gpus: 1
time_limit: 12:00:00
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from simsiam_core.config.executors.slurm import SlurmConfig, parse_slurm
from simsiam_core.config.homes import NAME
from simsiam_core.config.problems import ConfigError
from simsiam_core.config.yaml_reader import YamlError, read_yaml_text

PROFILES_VARIABLE = "SIMSIAM_PROFILES"
_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,39}")
_TEXTS = frozenset(name for name, info in SlurmConfig.model_fields.items() if info.annotation is str)


def profiles_path() -> Path:
    """Return the file: $SIMSIAM_PROFILES, or `profiles.yaml` in the user's configuration folder."""
    if chosen := os.environ.get(PROFILES_VARIABLE):
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path(os.path.expanduser("~/.config"))
    return folder / NAME / "profiles.yaml"


def profiles() -> dict[str, SlurmConfig]:
    """Return every profile by name. Raises ConfigError that names the file and the profile."""
    path = profiles_path()
    found = {}
    for name, values in _read(path).items():
        if not isinstance(values, Mapping):
            raise ConfigError.at("profile", f"{path}: profile {name} must hold settings as 'partition: …'.")
        try:
            found[str(name)] = parse_slurm(values)
        except ConfigError as error:
            raise ConfigError.at("profile", f"{path}: profile {name}: {error.problems[0].message}") from None
    return found


def profile(name: str) -> SlurmConfig:
    """Return one profile. Raises ConfigError that lists those there are."""
    known = profiles()
    if name not in known:
        there = ", ".join(known) if known else "none yet; save one on the page, or write the file by hand"
        raise ConfigError.at("profile", f"There is no profile {name!r} in {profiles_path()}: {there}.")
    return known[name]


def usual_profile() -> SlurmConfig:
    """Return the first profile, or the defaults if there is none. Raises ConfigError."""
    return next(iter(profiles().values()), SlurmConfig())


def save_profile(name: str, settings: SlurmConfig) -> None:
    """Add or replace a profile; only what differs from the defaults is written. Raises ConfigError."""
    name = name.strip()
    if not _NAMED.fullmatch(name):
        wanted = "at most 40 letters, digits, spaces, dots and hyphens"
        raise ConfigError.at("profile", f"The name of a profile is {name!r}; it must be {wanted}.")
    path = profiles_path()
    values = {**_read(path), name: settings.model_dump(mode="json", exclude_defaults=True)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        temporary.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ConfigError.at("profile", f"Cannot write {path}: {error.strerror}.") from None


def _read(path: Path) -> dict[Any, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        names = read_yaml_text(text) or {}
        texts = {f"{name}.{field}" for name in names for field in _TEXTS}
        values = read_yaml_text(text, texts)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError.at("profile", f"Cannot read {path}: {error.strerror}.") from None
    except (UnicodeDecodeError, YamlError) as error:
        raise ConfigError.at("profile", f"{path} is not valid YAML, {error}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError.at("profile", f"{path} must hold profiles as 'name: …'.")
    return values
