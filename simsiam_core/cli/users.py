"""`users`: who may open a dashboard, in a file of hashed passwords."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from simsiam_core.config import ConfigError
from simsiam_core.config.paths import path_flag
from simsiam_core.ui.auth import read_users, write_user


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser("users", help="who may open the dashboard", description=__doc__)
    parser.add_argument("action", choices=("add", "remove", "list"))
    parser.add_argument("file", type=path_flag, metavar="FILE", help="the file for dashboard.py --users")
    parser.add_argument("name", nargs="?", default="", help="of the user")
    parser.set_defaults(run_command=_users)


def _users(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        print("\n".join(read_users(arguments.file)))
        return 0
    if not arguments.name or ":" in arguments.name:
        raise ConfigError.at("name", "Give the user's name, without a colon.")
    password = None
    if arguments.action == "add":
        interactive = sys.stdin.isatty()
        password = getpass.getpass("Password: ") if interactive else sys.stdin.readline().rstrip("\n")
        if len(password) < 8:
            raise ConfigError.at("password", "The password is too short; at least 8 characters are needed.")
    write_user(arguments.file, arguments.name, password)
    return 0
