"""The command that repeats a run parses to the run's own config."""

from __future__ import annotations

import shlex

import pytest
from tiny import TINY

from simsiam_core.cli import build_parser
from simsiam_core.cli.train import SchemaFlags
from simsiam_core.config import Config, fields, merge, parse, preset, presets
from simsiam_core.config.command import train_command


def parsed(command: str) -> Config:
    """What the terminal makes of a command."""
    import argparse

    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "simsiam_core", "train"]
    build_parser().parse_args(words[3:])
    parser = argparse.ArgumentParser(allow_abbrev=False)
    flags = SchemaFlags(parser)
    return parse(flags.given(parser.parse_args(words[4:])))


@pytest.mark.parametrize("name", presets())
def test_every_preset_comes_back(name: str) -> None:
    config = parse(preset(name).values)
    assert parsed(train_command(config)) == config


def test_every_kind_of_value_comes_back() -> None:
    flipped = {spec.path for spec in fields() if spec.kind == "bool"}
    values = merge(TINY, {"name": "1e3", "data": {"source": "folder", "path": "/it's my pictures/-été"}})
    for path in flipped:
        section, _, leaf = path.rpartition(".")
        values = merge(values, {section: {leaf: not getattr(getattr(Config(), section), leaf)}})
    config = parse(values)
    assert parsed(train_command(config)) == config


def test_defaults_need_no_flag() -> None:
    assert train_command(Config()) == "python -m simsiam_core train"
