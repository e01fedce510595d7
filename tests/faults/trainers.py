"""Run as a program: starts trainers quickly, by forking a process that has imported torch already.

Reads lines `<run directory> <file size limit or 0>`, writes the pid of each trainer.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from simsiam_core.cli import main
from simsiam_core.training import worker  # noqa: F401 the seconds that this saves are the purpose


def serve() -> None:
    for line in sys.stdin:
        path, limit = line.rsplit(maxsplit=1)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            log = os.open(Path(path) / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if int(limit):
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
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
