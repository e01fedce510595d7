"""A process that has imported this project, and becomes any of its commands by forking: a tenth of a second, not ten.

Run as a program it answers requests, a line of JSON each, on the socket whose number is its argument: `{"start": …}`
(a `warm.Start`, which becomes a child of this process), `{"wait": pid}` (the exit code of such a child, negative for
a signal), `{"import": "module"}`, or `{"command": …}` with open files: what `subprocess.Popen` starts, as a child of
the process that asks.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import resource
import runpy
import signal
import socket
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

IMPORTS = (
    "simsiam_core.cli",
    "simsiam_core.training.worker",
    "simsiam_core.data.cpu_kernel",
    "simsiam_core.evaluation.worker",
    "simsiam_core.features.inspection",
    "simsiam_core.ui.app",
)
HIGH = 300  # numbers from here on are for files on their way to another number
START_OTHERS = ("train", "queue", "bench", "accept")  # these may start processes, as the dashboard does


def serve(connection: socket.socket) -> None:
    """Answer until the other side is gone."""
    ended: dict[int, int] = {}
    while (received := _receive(connection)) is not None:
        request, files = received
        if "import" in request:
            importlib.import_module(request["import"])
            answer = 0
        elif "wait" in request:
            pid = request["wait"]
            status = ended.pop(pid) if pid in ended else os.waitpid(pid, 0)[1]
            answer = os.waitstatus_to_exitcode(status)
        elif "start" in request:
            answer = os.fork()
            if answer == 0:
                os.close(connection.detach())
                _run_start(request["start"])
        else:
            answer = _adopted(request["command"], files, connection)
        for file in files:
            os.close(file)
        connection.sendall(json.dumps(answer).encode() + b"\n")
        with contextlib.suppress(ChildProcessError):  # leave no zombies behind
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                ended[found[0]] = found[1]


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    text, files = b"", []
    while not text.endswith(b"\n"):
        part, more, _, _ = socket.recv_fds(connection, 2**16, 64)
        if not part:
            return None
        text, files = text + part, files + more
    return json.loads(text), files


def _adopted(command: dict[str, Any], files: list[int], connection: socket.socket) -> int:
    """The pid of a process without a parent, which becomes the child of the nearest ancestor that takes orphans."""
    told, tell = os.pipe()
    between = os.fork()
    if between == 0:
        if os.fork():
            os._exit(0)
        connection.detach()
        _become(command, files, tell)
    os.close(tell)
    with open(told) as pipe:
        pid = int(pipe.read())
    os.waitpid(between, 0)
    return pid


def _become(command: dict[str, Any], files: list[int], tell: int) -> NoReturn:
    """Be the process that the command starts, with its files and no others."""
    tell, *files = (fcntl.fcntl(number, fcntl.F_DUPFD, HIGH) for number in (tell, *files))
    os.closerange(0, HIGH)
    for number, file in zip((0, 1, 2, *command["kept"]), files, strict=True):
        os.dup2(file, number)
        os.close(file)
    if command["own_session"]:
        os.setsid()
    elif command["group"] >= 0:
        os.setpgid(0, command["group"])
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    time.tzset()
    _open_streams(unbuffered=bool(os.environ.get("PYTHONUNBUFFERED")))
    argv = command["argv"]
    if argv[0].endswith("dashboard.py") or (argv[0] == "-m" and argv[2:3] and argv[2] in START_OTHERS):
        _have_another()
    with open(tell, "w") as pipe:
        pipe.write(str(os.getpid()))
    _end_with(lambda: _run_python(argv, command["path"]))


def _have_another() -> None:
    """Who starts processes has a zygote of its own, since a process becomes the child of an ancestor only."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        nothing, number = os.open(os.devnull, os.O_RDWR), theirs.fileno()
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.closerange(3, number)
        os.closerange(number + 1, 2 * HIGH)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other, whose end ends this
        serve(theirs)
        os._exit(0)
    theirs.close()
    import warm

    own = warm.Zygote(ours)
    warm.lend(lambda: own)


def _open_streams(*, unbuffered: bool) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    encoding = sys.stdout.encoding
    sys.stdin = open(0, encoding=encoding, closefd=False)  # noqa: SIM115  # what a terminal is, they ask once
    sys.stdout = open(1, "w", 1 if unbuffered or os.isatty(1) else -1, encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding, "backslashreplace", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr


def _run_python(argv: list[str], path: list[str]) -> None:
    """What `python ARGV` does."""
    sys.path[:] = path
    kind, *words = argv
    if kind == "-m":
        sys.argv = words
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = [kind, *words[1:]]
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(words[0], "<string>", "exec"), main.__dict__)
    else:
        sys.argv = argv
        runpy.run_path(kind, run_name="__main__")


def _run_start(start: dict[str, Any]) -> NoReturn:
    """Be a `warm.Start`."""
    os.setsid()
    if start["terminal"]:
        streams = [os.open(start["terminal"], os.O_RDWR)] * 3  # the first that a session opens is its own
    else:
        log = os.open(start["log"] or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        streams = [os.open(os.devnull, os.O_RDONLY), log, log]
    for number, file in enumerate(streams):
        os.dup2(file, number)
    _open_streams(unbuffered=False)
    for number in start["closed"]:
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)
    os.environ.update(start["environment"])
    os.chdir(start["folder"] or ".")
    if start["file_size_limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (start["file_size_limit"],) * 2)
    if start["memory_limit"]:
        import psutil

        limit = psutil.Process().memory_info().vms + start["memory_limit"]
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def run() -> None:
        if start["prepare"]:
            module, name = start["prepare"][0].split(":")
            getattr(importlib.import_module(module), name)(*start["prepare"][1:])
        sys.exit(importlib.import_module("simsiam_core.cli").main(start["argv"]))

    _end_with(run)


def _end_with(act: Callable[[], None]) -> NoReturn:
    """Do something, and end as Python would: with its exit code, its threads waited for, its buffers written."""
    code = 0
    try:
        act()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        code = 1
        with contextlib.suppress(OSError, AttributeError):
            traceback.print_exc()
    with contextlib.suppress(BaseException):
        threading._shutdown()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    gc.disable()
    os.environ.setdefault(
        "GRADIO_ANALYTICS_ENABLED", "False"
    )  # as the dashboard does; gradio asks for it once
    for name in IMPORTS:
        importlib.import_module(name)
    gc.enable()
    gc.freeze()  # what is never looked at again stays shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the suite runs under nohup
    serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)
