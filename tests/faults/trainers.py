"""Run as a program: starts trainers quickly, by forking a process that has imported torch already.

Reads lines `<run directory> <file size limit> <memory limit>`, 0 for none, in bytes; the memory is what the trainer may
take beyond what it has at its start. Writes the pid of each trainer.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import psutil

from simsiam_core.cli import main
from simsiam_core.training import worker  # noqa: F401 the seconds that this saves are the purpose


def serve() -> None:
    for line in sys.stdin:
        path, file_size, memory = line.rsplit(maxsplit=2)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            log = os.open(Path(path) / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if int(file_size):
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_size),) * 2)
            if int(memory):
                resource.setrlimit(
                    resource.RLIMIT_AS, (psutil.Process().memory_info().vms + int(memory),) * 2
                )
            os._exit(main(["train", "--run", path]))
        print(pid, flush=True)
        while True:  # leave no zombies behind
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break


if __name__ == "__main__":
    serve()
