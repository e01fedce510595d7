"""The Python of batch scripts, in tests: a program that has the tests' process start the command in its place.

That process starts it by its zygote, in a tenth of a second instead of ten. SLURM sees the program: it passes on
what it is sent, its end kills the command, and it ends as the command does.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

PROGRAM = """#!{python} -IS
import contextlib, json, os, signal, socket, sys

connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
command = dict(argv=sys.argv[1:], folder=os.getcwd(), environment=dict(os.environ))
socket.send_fds(connection, [json.dumps(command).encode() + b"\\n"], [0, 1, 2])
answers = connection.makefile()
pid = int(answers.readline())

def pass_on(number, frame):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, pass_on)
code = int(answers.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


class Pythons:
    """Starts the commands of `program`, until it is left."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.program, address = folder / "python", folder / "socket"
        address.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(address))
        self._listening.listen()
        self.program.write_text(PROGRAM.format(python=sys.executable, address=str(address)))
        self.program.chmod(0o755)

    def __enter__(self) -> Pythons:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    """Start the command of one program, and answer with its pid, then with its exit code."""
    text, files, more = b"", [], []
    while not text.endswith(b"\n"):
        part, more, _, _ = socket.recv_fds(connection, 2**16, 3)
        if not part:
            return
        text, files = text + part, files + more
    asked = json.loads(text)
    process = subprocess.Popen(
        [sys.executable, *asked["argv"]],
        stdin=files[0],
        stdout=files[1],
        stderr=files[2],
        cwd=asked["folder"],
        env=asked["environment"],
        start_new_session=True,
    )
    for file in files:
        os.close(file)
    threading.Thread(target=_end_with, args=(connection, process), daemon=True).start()
    with contextlib.suppress(OSError):  # the program is gone
        connection.sendall(f"{process.pid}\n".encode())
        connection.sendall(f"{process.wait()}\n".encode())
    process.wait()


def _end_with(connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """Kill the command when its program has gone."""
    with contextlib.suppress(OSError):
        connection.recv(1)
    process.kill()
    connection.close()
