"""The installed package, without a checkout: a wheel holds all it needs, and works from any folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny import tiny

from simsiam_core import __version__
from simsiam_core.config import dump_yaml
from simsiam_core.runs import BUNDLED, RunDirectory, RunStore

from .conftest import ROOT, free_port, wait_for

BUILT_FROM = ("assets", "simsiam_core", "pyproject.toml", "setup.py", "requirements.txt", "README.md")


class Installed:
    """The package in a folder of its own, and commands that are given in another folder."""

    def __init__(self, folder: Path) -> None:
        self.packages, self.elsewhere = folder / "packages", folder / "elsewhere"
        self.elsewhere.mkdir()
        self.store = RunStore(self.elsewhere / "runs")
        self.environment = {**os.environ, "PYTHONPATH": str(self.packages), "OMP_NUM_THREADS": "1"}

    def program(self, name: str) -> str:
        return str(self.packages / "bin" / name)

    def run(self, *words: str) -> str:
        """What a command prints on standard output."""
        done = subprocess.run(
            words, cwd=self.elsewhere, env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@dataclass(frozen=True)
class Dashboard:
    """A dashboard that is starting or has started."""

    process: subprocess.Popen[bytes]
    log: Path

    def address(self) -> str:
        """Wait until it prints where it is."""
        wait_for(lambda: self.process.poll() is not None or "http://" in self.log.read_text())
        found = re.search(r"http://\S+", self.log.read_text())
        assert found, self.log.read_text()
        return found[0]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Built in a copy, so that the checkout is left as it is."""
    folder = tmp_path_factory.mktemp("package")
    source, package = folder / "source", Installed(folder)
    source.mkdir()
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-build-isolation", "--no-deps", "--no-index", "--no-compile"]
    install = [*pip, "install", ".", *alone, "--target", str(package.packages)]  # which builds a wheel first
    subprocess.run(install, cwd=source, check=True, timeout=240)
    return package


@pytest.fixture(scope="module")
def dashboard(installed: Installed) -> Iterator[Dashboard]:
    """`simsiam-dashboard` over the folder of runs that the other commands use; it may still be starting."""
    command = [installed.program("simsiam-dashboard"), "--no-browser", "--port", str(free_port())]
    log = installed.elsewhere / "dashboard.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=installed.elsewhere, env=installed.environment, stdout=file, stderr=subprocess.STDOUT
        )
    yield Dashboard(process, log)
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def trained(installed: Installed, dashboard: Dashboard) -> RunDirectory:
    """A run that `simsiam train` made, while the dashboard starts."""
    settings = installed.elsewhere / "tiny.yaml"
    settings.write_text(dump_yaml(tiny()), encoding="utf-8")
    train = [installed.program("simsiam"), "train", "--preset", "quick", "--config", settings.name]
    answer = json.loads(installed.run(*train, "--epochs", "1", "--warmup-epochs", "0", "--json"))
    return installed.store.get(answer["run"])


def test_it_is_imported_from_where_it_was_installed(installed: Installed) -> None:
    asked = "import simsiam_core.assets as a; print(a.asset_path('presets', 'quick.yaml'))"
    assert Path(installed.run(sys.executable, "-c", asked).strip()).is_relative_to(installed.packages)


@pytest.mark.parametrize("program", ["simsiam", "simsiam-dashboard"])
def test_the_programs_say_their_name_and_version(installed: Installed, program: str) -> None:
    assert installed.run(installed.program(program), "--version").split()[-1] == __version__
    assert installed.run(installed.program(program), "--help").startswith(f"usage: {program} ")


def test_a_run_is_trained_and_listed(installed: Installed, trained: RunDirectory) -> None:
    listed = json.loads(installed.run(installed.program("simsiam"), "runs", "list", "--json"))
    (run,) = [run for run in listed["runs"] if run["run"] == trained.id]
    assert run["state"] == "finished"
    assert run["path"] == str(trained.path)


def test_the_dashboard_serves_its_page_and_starts_jobs(
    installed: Installed, trained: RunDirectory, dashboard: Dashboard
) -> None:
    with urllib.request.urlopen(dashboard.address(), timeout=30) as answer:
        assert "SimSiam" in answer.read().decode()
    installed.run(installed.program("simsiam"), "runs", "extend", trained.id, "--epochs", "2")
    wait_for(lambda: trained.status().state == "finished", 120)
    assert trained.status().epoch == 2
    wait_for(lambda: BUNDLED in [run.id for run in installed.store.runs()])
