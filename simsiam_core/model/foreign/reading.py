"""Reading files of other programs: state dicts of torch, and safetensors. Nothing in them is executed."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from simsiam_core.model.checkpoint import CheckpointError
from simsiam_core.model.foreign.content import ForeignFile, Placeholder, flattened
from simsiam_core.names import printable

Progress = Callable[[float, str], None]
MAX_BYTES = 8 * 2**30
MAX_PLACEHOLDERS = 200  # different unknown classes in a file
MAX_OPCODES = 100_000  # of a pickle that is looked through
_CHUNK = 2**22
# First bytes of files that people take for weights, and what to do about them.
_OTHER_FILES = {
    b"version https://git-lfs": "is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`",
    b"<!DOCTYPE": "is a web page; download the file itself",
    b"<html": "is a web page; download the file itself",
    b"\x89HDF": "is an HDF5 file (Keras); only weights of torch and safetensors can be read",
    b"GGUF": "is a GGUF file; only weights of torch and safetensors can be read",
}
_PICKLE = b"\x80"
# Modules whose functions act on the machine: no checkpoint needs one.
_ACTING = {
    *("os", "posix", "nt", "sys", "subprocess", "shutil", "socket", "pty", "ctypes", "importlib", "runpy"),
    *("webbrowser", "code", "pickle", "marshal", "multiprocessing", "asyncio", "urllib", "requests", "http"),
}
_PLAIN_BUILTINS = {
    "set",
    "frozenset",
    "slice",
    "range",
    "complex",
    "bytearray",
    "object",
    "list",
    "dict",
    "tuple",
}


def read_file(path: Path, progress: Progress | None = None) -> ForeignFile:
    """Read a file of tensors without executing anything in it. Raises CheckpointError, one sentence.

    Torch's files are read with `weights_only=True`; objects of unknown classes in them, such as an
    `argparse.Namespace`, become empty placeholders.
    """
    name = printable(path.name)
    start = _start_of(path, name)
    placeholders: tuple[str, ...] = ()
    try:
        if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
            tensors, plain = _read_safetensors(path, name)
        else:
            content, placeholders = _read_torch(path, name, start)
            tensors, plain = flattened(content)
    except OSError as error:
        raise CheckpointError(f"{name} cannot be read: {error.strerror or error}.") from None
    except (MemoryError, RecursionError):
        raise CheckpointError(f"{name} cannot be read: it does not fit into memory.") from None
    if not tensors:
        raise CheckpointError(f"{name} holds no tensors, so there is no network in it; choose another file.")
    return ForeignFile(name, _sha256(path, progress), tensors, plain, placeholders)


def _start_of(path: Path, name: str) -> bytes:
    """Return the first bytes of a file of which the size can be read. Raises CheckpointError."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise CheckpointError(f"{name} is a folder; give the file of weights in it.")
        if size > MAX_BYTES:
            raise CheckpointError(
                f"{name} has {size / 2**30:.1f} GB; files up to {MAX_BYTES >> 30} GB are read. Save the network's "
                "weights alone, without the optimiser."
            )
        with path.open("rb") as file:
            start = file.read(32)
    except OSError as error:
        raise CheckpointError(f"{name} cannot be read: {error.strerror}.") from None
    if not start:
        raise CheckpointError(f"{name} is empty; copy or download it again.")
    for magic, reason in _OTHER_FILES.items():
        if start.startswith(magic):
            raise CheckpointError(f"{name} {reason}.")
    return start


def _sha256(path: Path, progress: Progress | None) -> str:
    digest, done, size = hashlib.sha256(), 0, max(1, path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            if progress is not None:
                progress(min(1.0, done / size), f"Reading {printable(path.name)}")
    return digest.hexdigest()


def _read_safetensors(path: Path, name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors, _ = flattened({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"{name} is a damaged or truncated safetensors file ({error}); copy or download it again."
        ) from None


def _read_torch(path: Path, name: str, start: bytes) -> tuple[Any, tuple[str, ...]]:
    """Return the content of a file of `torch.save`, and the classes replaced with placeholders."""
    zipped = start.startswith(b"PK")
    if zipped:
        _check_archive(path, name)
    elif not start.startswith(_PICKLE):
        raise CheckpointError(f"{name} is no checkpoint; weights of torch and safetensors can be read.")
    replaced: dict[str, Any] = {}
    while True:
        try:
            with torch.serialization.safe_globals([(each, path_) for path_, each in replaced.items()]):
                # torch warns of its own deprecations and of the file's age, which nobody here can act on
                with warnings.catch_warnings(action="ignore"):
                    content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
                return content, tuple(replaced)
        except pickle.UnpicklingError as error:
            needed = _needed(str(error))
            for asked in [needed] if needed or zipped else _named_in_pickle(path):
                _check_harmless(asked, name)
            if needed is None or needed in replaced or len(replaced) == MAX_PLACEHOLDERS:
                raise _refused(name, needed) from None
            replaced[needed] = type("Placeholder", (Placeholder,), {})
        except Exception:  # torch raises many undocumented types for damaged files
            raise CheckpointError(
                f"{name} is damaged, truncated or no checkpoint; copy or download it again."
            ) from None


def _check_archive(path: Path, name: str) -> None:
    """Raise CheckpointError for a zip archive that is no state dict."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise CheckpointError(f"{name} is truncated or damaged; copy or download it again.") from None
    if any("/code/" in member or member.endswith("constants.pkl") for member in members):
        raise CheckpointError(
            f"{name} is a TorchScript program; in Python, "
            f"`torch.save(torch.jit.load({name!r}).state_dict(), 'weights.pt')` saves its weights."
        )
    if not any(member.endswith("data.pkl") for member in members):
        raise CheckpointError(f"{name} is a zip archive, but no checkpoint; choose another file.")


def _needed(message: str) -> str | None:
    """Return the class or function that torch refused to load, such as `argparse.Namespace`."""
    found = re.search(r"\bGLOBAL (\S+) (?:was not|whose)", message)
    return (found[1] if "." in found[1] else f"builtins.{found[1]}") if found else None


def _named_in_pickle(path: Path) -> list[str]:
    """Return the functions and classes that a bare pickle of any protocol names, without executing it."""
    names: list[str] = []
    strings: list[str] = []
    with path.open("rb") as file, contextlib.suppress(ValueError):  # the pickle ends before its end
        for opcode, argument, _ in itertools.islice(pickletools.genops(file), MAX_OPCODES):
            if opcode.name == "STACK_GLOBAL":
                names.append(".".join(strings[-2:]))
            elif opcode.name == "GLOBAL":
                names.append(str(argument).replace(" ", "."))
            elif isinstance(argument, str):
                strings.append(argument)
    return names


def _check_harmless(needed: str | None, name: str) -> None:
    """Raise CheckpointError for a function that acts on the machine."""
    module, _, attribute = (needed or "").rpartition(".")
    if module.partition(".")[0] in _ACTING or (module == "builtins" and attribute not in _PLAIN_BUILTINS):
        raise CheckpointError(
            f"{name} asks to call {needed} when it is opened, which no checkpoint needs; it may be harmful, and "
            "nothing of it was run."
        )


def _refused(name: str, needed: str | None) -> CheckpointError:
    """Return the error for a file that holds more than tensors and plain containers."""
    said = f" ({needed})" if needed else ""
    return CheckpointError(
        f"{name} needs more than tensors and plain values to be read{said}; if you trust it, convert it in Python: "
        f"`content = torch.load({name!r}, weights_only=False)`, then `torch.save(content['state_dict'], "
        "'weights.pt')`."
    )
