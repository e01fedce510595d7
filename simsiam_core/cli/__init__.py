"""The command line: one module per command; heavy imports are deferred until a command needs them."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn

from simsiam_core.cli import (
    accept,
    backbones,
    bench,
    data,
    diagnose,
    embed,
    evaluate,
    export,
    import_,
    map,
    neighbours,
    predict,
    queue,
    results,
    runs,
    train,
    users,
)
from simsiam_core.cli.streams import OutputError, standard_streams
from simsiam_core.config import ConfigError
from simsiam_core.config.homes import prepare_home
from simsiam_core.program import add_version, called_as
from simsiam_core.runs import RunError

DONE, FAILED, BAD_INPUT = 0, 1, 2


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog=called_as("simsiam", "python -m simsiam_core"),
        description="SimSiam representation learning: train, follow and look inside, without a browser.",
    )
    add_version(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (
        train,
        runs,
        queue,
        neighbours,
        map,
        data,
        diagnose,
        embed,
        evaluate,
        predict,
        results,
        export,
        import_,
        users,
        backbones,
        bench,
        accept,
    ):
        command.add_to(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 success, 1 failure, 2 bad input."""
    try:
        with standard_streams():
            return _run(argv)
    except OutputError as error:
        if error.unread:
            return DONE
        print(error, file=sys.stderr)
        return FAILED


def _run(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        _refuse(parser, list(sys.argv[1:] if argv is None else argv), unknown)
    try:
        prepare_home()
        return int(arguments.run_command(arguments))
    except (ConfigError, RunError) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except PermissionError as error:
        print(f"{error.filename or 'A file'} cannot be read or written: {error.strerror}.", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return FAILED


def _refuse(parser: argparse.ArgumentParser, words: Sequence[str], unknown: Sequence[str]) -> NoReturn:
    """Say which words no command understands, and which options are nearest. Raises SystemExit, as argparse does."""
    known = [option for each in _parsers(parser, words) for option in each._option_string_actions]
    flags = [word.partition("=")[0] for word in unknown if word.startswith("--")]
    near = [difflib.get_close_matches(flag.replace("_", "-"), known, n=1, cutoff=0.8) for flag in flags]
    hint = " and ".join(dict.fromkeys(match for matches in near for match in matches))
    said = f"did you mean {hint}?" if hint else "--help lists what there is."
    print(f"Not understood: {' '.join(unknown)}; {said}", file=sys.stderr)
    raise SystemExit(BAD_INPUT)


def _parsers(parser: argparse.ArgumentParser, words: Sequence[str]) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of the commands that the words choose, such as `runs` and its `archive`."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            chosen = next((word for word in words if word in action.choices), None)
            if chosen is not None:
                yield from _parsers(action.choices[chosen], words[words.index(chosen) + 1 :])
