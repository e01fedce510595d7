"""The flags of `train`, generated from the schema by pydantic-settings."""

from __future__ import annotations

import argparse
from typing import Any

from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict

from simsiam_core.config import Config, fields, typed


class _Flags(Config, BaseSettings):
    """The schema as settings, so that pydantic-settings makes `--training.batch-size` and `--batch-size` of it."""

    # Strict settings would turn text into numbers by a rule of their own, for which 1_000 is one.
    model_config = SettingsConfigDict(extra="forbid", strict=False)


class SchemaFlags:
    """Every hyperparameter as a flag, by its full name and, since leaf names are unique, by its last part."""

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
        """Return the nested values of the flags that were given: of the schema's types where they can be,
        unvalidated.
        """
        values = self._source(parsed_args=arguments)()
        for spec in fields():
            section, _, name = spec.path.rpartition(".")
            inside = values.get(section) if section else values
            if isinstance(inside, dict) and name in inside:
                inside[name] = typed(spec, inside[name])
        return values
