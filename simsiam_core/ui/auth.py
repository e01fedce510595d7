"""Who may come in. No gradio here: the server checks its flags before it imports anything heavy."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from simsiam_core.config import ConfigError
from simsiam_core.runs.files import replacing

Check = Callable[[str, str], bool]
COST = {"n": 2**14, "r": 8, "p": 1}  # of scrypt: 16 MiB and some 50 ms for each guess
AUTH_VARIABLE = "SIMSIAM_AUTH"


def door(auth: str | None, users: Path | None) -> Check | None:
    """The check of name and password, or None where none is wanted: from `USER:PASSWORD` (given, or in
    SIMSIAM_AUTH) and from a file of hashed users. Raises ConfigError.
    """
    hashes = read_users(users) if users else {}
    if users and not hashes:
        raise ConfigError.at("users", f"{users} names no user; 'python -m simsiam_core users add' adds one.")
    if given := auth or os.environ.get(AUTH_VARIABLE):
        name, colon, password = given.partition(":")
        if not (name and colon and password):
            raise ConfigError.at("auth", f"--auth and {AUTH_VARIABLE} must be USER:PASSWORD.")
        hashes[name] = hashed(password)
    if not hashes:
        return None
    nobody = hashed(secrets.token_hex())

    def check(name: str, password: str) -> bool:
        """As long for a name that nobody has as for a wrong password."""
        return matches(password, hashes.get(name, nobody)) and name in hashes

    return check


def hashed(password: str, salt: bytes | None = None) -> str:
    """`scrypt$salt$hash`, in base64."""
    salt = salt or secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, **COST)
    return "$".join(("scrypt", base64.b64encode(salt).decode(), base64.b64encode(digest).decode()))


def matches(password: str, stored: str) -> bool:
    """In constant time."""
    _, salt, _ = stored.split("$")
    return hmac.compare_digest(hashed(password, base64.b64decode(salt)).encode(), stored.encode())


def read_users(path: Path) -> dict[str, str]:
    """Hashes by name. Raises ConfigError for a file that is not one of ours."""
    if not path.exists():
        return {}
    users = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                name, stored = line.strip().split(":")
                matches("", stored)
                users[name] = stored
    except (OSError, ValueError) as error:
        raise ConfigError.at("users", f"{path} is no file of users: {error}.") from None
    return users


def write_user(path: Path, name: str, password: str | None) -> None:
    """Add or change a user, or remove one (None). Raises ConfigError."""
    users = read_users(path)
    if password is None:
        if name not in users:
            raise ConfigError.at("users", f"{path} has no user {name!r}.")
        del users[name]
    else:
        users[name] = hashed(password)
    with replacing(path, mode=0o600) as temporary:
        temporary.write_text("".join(f"{n}:{stored}\n" for n, stored in users.items()), encoding="utf-8")
