"""A container, a cluster or a service runs the program as somebody without a home, or where nothing can be written."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tiny import tiny

from simsiam_core.cli import main
from simsiam_core.config import ConfigError, homes
from simsiam_core.config.cache import cache_dir, uploads_dir
from simsiam_core.runs import RunError, RunStore
from simsiam_core.training.worker import train


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Neither a home nor a name; returns the folder for temporary files."""
    for name in (
        "SIMSIAM_CACHE",
        "XDG_CACHE_HOME",
        "HOME",
        "LOGNAME",
        "USER",
        "LNAME",
        "USERNAME",
        *homes.LIBRARIES,
    ):
        monkeypatch.delenv(name, raising=False)

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for said in (homes._say, homes._own):
        said.cache_clear()
    return tmp_path


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Folders that only may be read, the tests' user being above permissions."""
    folders: set[Path] = set()
    access = os.access

    def asked(path: str | Path, mode: int) -> bool:
        return access(path, mode) and not (mode & os.W_OK and Path(path) in folders)

    monkeypatch.setattr(os, "access", asked)
    return folders


def test_without_a_home_caches_go_to_a_folder_of_ones_own(
    nobody: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown user without $HOME got a traceback from whatever first asked for the home folder."""
    folder = nobody / f"simsiam-dashboard-{os.getuid()}"
    assert cache_dir() == cache_dir() == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert capsys.readouterr().err.count("Set SIMSIAM_CACHE") == 1, "said once"
    homes.prepare_home()
    assert os.environ["HOME"] == str(folder)
    assert os.environ["LOGNAME"] == f"user-{os.getuid()}"
    assert set(homes.LIBRARIES) <= os.environ.keys()


def test_a_folder_that_somebody_else_put_there_is_not_used(
    nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names in the folder for temporary files can be taken by anybody."""
    (nobody / "elsewhere").mkdir()
    (nobody / f"simsiam-dashboard-{os.getuid()}").symlink_to(nobody / "elsewhere")
    assert cache_dir().name.startswith("simsiam-dashboard-")
    assert cache_dir() != nobody / f"simsiam-dashboard-{os.getuid()}"


def test_a_home_that_cannot_be_written(
    nobody: Path, read_only: set[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """HOME=/ or a read-only home gave a traceback."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    assert cache_dir() == home / ".cache" / homes.NAME
    read_only.add(home)
    assert cache_dir().parent == nobody
    there = home / ".cache" / homes.NAME  # what was downloaded before is still used
    there.mkdir(parents=True)
    read_only.update((there, there.parent))
    assert cache_dir() == there
    assert uploads_dir().parent.parent == nobody


def test_the_standard_place_for_caches_is_taken_where_it_is_set(
    nobody: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """XDG_CACHE_HOME was passed over; a cache that is in use stays so."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / homes.NAME
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_dir() == tmp_path / "home" / ".cache" / homes.NAME


def test_nowhere_to_write_at_all_is_one_sentence(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No home and no folder for temporary files."""

    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(ConfigError, match=r"no folder for caches: .* Set SIMSIAM_CACHE"):
        cache_dir()


def test_a_current_folder_that_was_deleted_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal whose folder somebody deleted gave FileNotFoundError."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(RunError, match="current folder is no longer there"):
        RunStore(Path("runs"))


# --- read-only runs -----------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which `lock` makes read-only."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True
    ).returncode:
        pytest.skip("no right to mount a file system here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def lock(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


def test_runs_that_may_only_be_read_are_looked_into_and_left_alone(
    shelf: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """On a read-only folder of runs, `neighbours` was refused, and what changes a run ended in a traceback."""
    store = RunStore(shelf / "runs")
    run = store.create(tiny(training={"epochs": 1}))
    assert train(run) == 0
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    lock(shelf)
    capsys.readouterr()

    def told(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--save-dir", str(store.path)])
        return code, *capsys.readouterr()

    for words in (["runs", "list"], ["runs", "show", run.id, "--json"], ["queue", "list"], ["results"]):
        assert told(*words)[::2] == (0, "")
    code, out, said = told("neighbours", run.id, "--image", str(tmp_path / "red.png"), "-k", "2")
    assert code == 0
    assert "train/" in out
    assert "cannot be kept in" in said
    for words in (
        ["runs", "extend", run.id, "--epochs", "9"],
        ["runs", "fork", run.id, "--set", "training.epochs=9"],
        ["runs", "delete", run.id, "--yes"],
        ["evaluate", "knn", run.id],
        ["queue", "run"],
        ["train", "--preset", "quick"],
    ):
        code, _, said = told(*words)
        assert (code, said.count("\n")) == (2, 1), words
        assert "Cannot write to" in said
        assert "Read-only file system" in said
