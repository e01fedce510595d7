"""The flags of `train`, generated from the config schema by pydantic-settings."""

from __future__ import annotations

import argparse
from typing import Any

from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict

from simsiam_core.config import Config, fields, typed


class _Flags(Config, BaseSettings):
    """The schema as settings, which gives `--training.batch-size` and `--batch-size`."""

    # Not strict: strict settings parse numbers by different rules, which accept 1_000.
    model_config = SettingsConfigDict(extra="forbid", strict=False)


class SchemaFlags:
    """Flags for all hyperparameters, by full name and, since leaf names are unique, by the last part."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        def flag(name: str) -> str:
            return name.replace("_", "-")

        self._source: CliSettingsSource[Any] = CliSettingsSource(
            _Flags,
            root_parser=parser,
            cli_kebab_case=True,
            cli_implicit_flags=True,
            cli_hide_none_type=True,
            cli_avoid_json=True,
            cli_parse_none_str="none",
            cli_shortcuts={flag(spec.path): flag(spec.name) for spec in fields() if "." in spec.path},
        )

    def given(self, arguments: argparse.Namespace) -> dict[str, Any]:
        """Return the nested values of the given flags, converted to the schema's types where possible,
        unvalidated.
        """
        values = self._source(parsed_args=arguments)()
        for spec in fields():
            section, _, name = spec.path.rpartition(".")
            inside = values.get(section) if section else values
            if isinstance(inside, dict) and name in inside:
                inside[name] = typed(spec, inside[name])
        return values
