"""Commands of this project that start within a fraction of a second: forked from a `zygote`, not started anew.

`Warm.start` is for tests that say in what world a command starts. With `lend`, `subprocess.Popen` has the zygote
start whatever is a command of this project in a usual environment: the jobs that a queue starts, the workers of a
page, the dashboards of tests. They have real pids, parents, files and signals.
"""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
PYTHON = sys.executable


@dataclass
class Start:
    """A command and the world it starts in."""

    argv: list[str]
    terminal: str = ""  # the device that is its controlling terminal, standard input, output and error
    log: str = ""  # else the file that it writes to
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    closed: list[int] = field(default_factory=list)  # streams that are closed at its start
    prepare: list[Any] = field(default_factory=list)  # "module:function" called first, and its arguments
    file_size_limit: int = 0  # bytes
    memory_limit: int = 0  # bytes beyond what the process has at its start


class Zygote:
    """A running `zygote`, by the socket on which it answers."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._lock = connection, threading.Lock()
        self.world = at_import(os.environ)

    def ask(self, request: dict[str, Any], files: Sequence[int] = ()) -> int:
        """A request, and its answer. Raises OSError if the zygote is gone."""
        with self._lock:
            socket.send_fds(self._connection, [json.dumps(request).encode() + b"\n"], files)
            answer = b""
            while not answer.endswith(b"\n"):
                part = self._connection.recv(100)
                if not part:
                    raise OSError("the zygote is gone")
                answer += part
            return int(answer)


class Warm:
    """The zygote of this process, which starts when it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def zygote(self) -> Zygote:
        with self._lock:
            if self._process is None:
                self._connection, theirs = socket.socketpair()
                with theirs:
                    self._process = subprocess.Popen(
                        [PYTHON, str(TESTS / "zygote.py"), str(theirs.fileno())],
                        pass_fds=[theirs.fileno()],
                        stdin=subprocess.DEVNULL,
                        env={**os.environ, "PYTHONPATH": str(ROOT)},
                    )
                self._zygote = Zygote(self._connection)
            return self._zygote

    def have(self, module: str) -> None:
        """Import one more module, for all commands that start from now on."""
        self.zygote().ask({"import": module})

    def start(self, start: Start) -> int:
        """The pid of the command."""
        return self.zygote().ask({"start": asdict(start)})

    def wait(self, pid: int) -> int:
        """Its exit code, once it has ended; negative for a signal."""
        with suppress(OSError, AttributeError):  # waited for here, so that others can ask meanwhile
            process = os.pidfd_open(pid)
            select.select([process], [], [])
            os.close(process)
        return self.zygote().ask({"wait": pid})

    def close(self) -> None:
        if self._process is not None:
            self._connection.close()
            self._process.wait(20)


def redirect_stderr(path: str, pipe: int) -> None:
    """A `prepare` of a `Start`: standard error into a file, when everybody is gone who reads standard output."""
    sys.stderr = open(path, "w", buffering=1)  # noqa: SIM115
    if pipe >= 0:
        poll = select.poll()
        poll.register(1, select.POLLERR)
        poll.poll()  # returns when there is no reader any more


# --- what `subprocess.Popen` starts ---------------------------------------------------------------------

# Read by Python or a library when it is imported: where these differ from the zygote's, a command starts anew.
AT_IMPORT = (
    "PYTHON",
    "LANG",
    "LC_",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "NUMBA_",
    "TORCH",
    "PYTORCH_",
    "LD_",
    "KMP_",
)
AT_START = ("PYTHONPATH", "PYTHONUNBUFFERED", "TORCHELASTIC_", "TORCH_NCCL_")  # these do not count
CODE = re.compile(
    r"(from simsiam_core[\w.]* import \w+; |\w+\.\w+\(\); )*\w+\(\)"
)  # that only calls a `main`
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
USUAL = {"executable": None, "preexec_fn": None, "close_fds": True, "shell": False, "gid": None, "uid": None}
SUBREAPER = 36  # prctl: this process is the parent of descendants whose parent has ended
_execute_child = subprocess.Popen._execute_child
_lent = [True]
_one_at_a_time = threading.Lock()


def at_import(environment: Any) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(AT_IMPORT) and not name.startswith(AT_START)
    }


def lend(zygote: Callable[[], Zygote]) -> None:
    """Have `subprocess.Popen` start this project's commands by a zygote, for as long as this process lives."""
    names = [*inspect.signature(_execute_child).parameters][1:]

    def execute(popen: subprocess.Popen, *given: Any) -> None:
        asked = dict(zip(names, given, strict=True))
        if _lent[-1] and _started(popen, zygote, asked):
            popen._close_pipe_fds(*(asked[name] for name in PIPES))
        else:
            _execute_child(popen, *given)

    if sys.platform == "linux" and {*PIPES, *USUAL, "process_group"} <= {*names}:
        subprocess.Popen._execute_child = execute  # type: ignore[method-assign]


@contextmanager
def anew() -> Iterator[None]:
    """In it every command starts as it does for people."""
    _lent.append(False)
    try:
        yield
    finally:
        _lent.pop()


def _started(popen: subprocess.Popen, zygote: Callable[[], Zygote], asked: dict[str, Any]) -> bool:
    """Whether it is a command of this project, and has been started by the zygote as a child of this process."""
    if any(asked[name] != usual for name, usual in USUAL.items()):
        return False
    args = asked["args"] if isinstance(asked["args"], str | bytes | os.PathLike) else [*asked["args"]]
    folder = os.path.abspath(asked["cwd"] or os.getcwd())
    environment = dict(os.environ if asked["env"] is None else asked["env"])
    path = _search_path(args, folder, environment.get("PYTHONPATH", ""))
    if not path or not os.path.isdir(folder) or at_import(environment) != zygote().world:
        return False
    kept = sorted(map(int, asked["pass_fds"]))
    command = {
        "argv": args[1:],
        "path": path,
        "folder": folder,
        "environment": environment,
        "own_session": asked["start_new_session"],
        "group": asked["process_group"],
        "kept": kept,
    }
    streams = (asked["p2cread"], asked["c2pwrite"], asked["errwrite"])
    files = [number if file == -1 else file for number, file in enumerate(streams)]
    take_orphans = ctypes.CDLL(None).prctl
    with _one_at_a_time:
        take_orphans(SUBREAPER, 1)
        try:
            popen.pid = zygote().ask({"command": command}, [*files, *kept])
        except OSError:  # the zygote is gone, or a stream is closed here
            return False
        finally:
            take_orphans(SUBREAPER, 0)
    popen._child_created = True
    return True


def _search_path(args: Any, folder: str, named: str) -> list[str]:
    """`sys.path` of a command, if it is one of this project, as it is here and with nothing beside it."""
    if not isinstance(args, list) or args[:1] != [PYTHON] or len(args) < 3:
        return []
    more = [os.path.abspath(os.path.join(folder, path)) for path in named.split(os.pathsep) if path]
    if args[1] == "-m" and args[2] == "simsiam_core":
        first = folder
    elif args[1] == "-c" and CODE.fullmatch(args[2]):
        first = ""
    elif os.path.join(folder, args[1]) == str(ROOT / "dashboard.py"):
        first = str(ROOT)
    else:
        return []
    found = next(
        (p for p in (first or folder, *more) if os.path.isdir(os.path.join(p, "simsiam_core"))), None
    )
    known = {str(TESTS), str(ROOT), *map(os.path.abspath, sys.path)}
    if found is None or not os.path.samefile(found, ROOT) or not known.issuperset(more):
        return []
    libraries = [path for path in sys.path if path.startswith((sys.prefix, sys.base_prefix))]
    return [first, *more, *libraries]
