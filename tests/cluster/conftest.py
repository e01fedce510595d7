"""A SLURM cluster of two nodes on loopback: Debian's munged, slurmctld and two slurmd, ended with the tests."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from simsiam_core.jobs import Scheduler
from simsiam_core.jobs.slurm import script, watch
from simsiam_core.runs import RunStore
from simsiam_core.runs.placement import Placement

from .pythons import Pythons

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
CPUS = 8  # a node: more than there are, since the jobs of these tests wait most of the time
CONFIGURATION = """
ClusterName=t
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SlurmctldPort={ports[0]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
MpiDefault=none
KillWait=5
MinJobAge=300
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus} RealMemory=8000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus} RealMemory=8000
PartitionName=p Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=20
PartitionName=urgent Nodes=n1,n2 MaxTime=60 State=UP PriorityTier=9 PreemptMode=OFF
"""


def wait_for(condition: Callable[[], object], seconds: float = 240, what: str = "waited in vain") -> float:
    """Seconds until the condition held."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, what
        time.sleep(0.1)
    return time.monotonic() - started


class Cluster:
    """The daemons, each by its process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        ports = [_free_port() for _ in range(3)]
        host = socket.gethostname().partition(".")[0]
        self.configuration = folder / "slurm.conf"
        self.configuration.write_text(
            CONFIGURATION.format(host=host, folder=folder, ports=ports, cpus=CPUS), encoding="ascii"
        )
        (folder / "state").mkdir()
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)

    def start(self) -> None:
        """Start all daemons, and wait until both nodes are idle."""
        files = {"socket": "munge.sock", "key-file": "munge.key", "pid-file": "munge.pid"}
        files |= {"log-file": "munge.log", "seed-file": "munge.seed"}
        options = [f"--{name}={self.folder / file}" for name, file in files.items()]
        self._begin("munged", "munged", "--foreground", "--force", *options)
        wait_for((self.folder / "munge.sock").exists, 20, "munged did not start")
        self.start_controller()
        for node in ("n1", "n2"):
            self._begin(node, "slurmd", "-D", "-N", node, "-f", str(self.configuration))
        wait_for(lambda: said("sinfo", "-h", "-t", "idle", "-o", "%D").strip() == "2", 40, "no nodes")

    def start_controller(self) -> None:
        """Start the controller alone."""
        self._begin("controller", "slurmctld", "-D", "-f", str(self.configuration))

    def stop_controller(self) -> None:
        """End the controller, as at a maintenance."""
        process = self._processes.pop("controller")
        process.terminate()
        process.wait(30)

    def close(self) -> None:
        """Kill what was started, and what the nodes leave behind, known by its configuration or its log."""
        for process in reversed(self._processes.values()):
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        for left in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if left.environ().get("SLURM_CONF") == str(self.configuration) or (
                    left.name() == "slurmstepd"
                    and any(file.path.startswith(f"{self.folder}/") for file in left.open_files())
                ):
                    left.kill()

    def _begin(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [shutil.which(command[0]) or command[0], *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )


def said(*command: str) -> str:
    """What a command of SLURM prints; empty if it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="session")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for all files; whoever uses it names its configuration."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        why = f"{missing[0]} is not installed" if missing else "its daemons need root"
        pytest.skip(f"SLURM cannot be started here: {why}.")
    own = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", str(own.configuration))
            own.start()
        yield own
    finally:
        own.close()


@pytest.fixture(scope="module")
def cluster(daemons: Cluster) -> Iterator[Cluster]:
    """The cluster, seen from the tests of one file only: a dashboard that sees one trains nothing itself."""
    with pytest.MonkeyPatch.context() as patch, Pythons(daemons.folder / "pythons") as pythons:
        patch.setenv("SLURM_CONF", str(daemons.configuration))
        patch.setenv("SIMSIAM_CACHE", str(daemons.folder / "cache"))
        patch.setattr(script, "sys", SimpleNamespace(executable=str(pythons.program)))
        yield daemons


@pytest.fixture(scope="module")
def store(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """One folder of runs for a file."""
    return RunStore(tmp_path_factory.mktemp("shared") / "runs")


@pytest.fixture(scope="module")
def scheduler(store: RunStore) -> Iterator[Scheduler]:
    """A scheduler that works on the folder all the time, as a dashboard's does, and asks SLURM every second."""
    before, watch.POLL_SECONDS = watch.POLL_SECONDS, 1.0
    try:
        with Scheduler(store) as working:
            working.start()
            yield working
    finally:
        watch.POLL_SECONDS = before


def placed(**settings: object) -> Placement:
    """On the cluster, with a CPU for each process."""
    return Placement(executor="slurm", settings={"cpus": 1, **settings})
