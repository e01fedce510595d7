"""People give relative paths, and jobs run in another folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from previous import run_named, unpack_previous
from tiny import TINY

from simsiam_core.cli import build_parser, main
from simsiam_core.config import Config, ConfigError, dump_yaml, merge, parse, presets, read_sweeps
from simsiam_core.config.ablations import members
from simsiam_core.config.cache import cache_dir
from simsiam_core.config.sweep import expand
from simsiam_core.data import check_fit
from simsiam_core.jobs import extend, fork, resume
from simsiam_core.runs import RunError, RunStore
from simsiam_core.ui.components.form import Form

FOLDER = {"data": {"source": "folder", "path": "pics"}}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands are typed, with images in `pics`."""
    dice = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pics" / name).mkdir(parents=True)
        for number in range(24):
            pixels = dice.integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pics" / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_job_finds_a_relative_folder_and_cache(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--data.path pics` worked in the foreground alone: jobs, which run in the run's folder, found no folder pics."""
    config = merge(TINY, {"training": {"epochs": 1}, "data": {"train_limit": None, "test_limit": None}})
    (here / "tiny.yaml").write_text(dump_yaml(parse(config)))
    monkeypatch.setenv("SIMSIAM_CACHE", "cache")
    flags = ["--config", "tiny.yaml", "--data.source", "folder", "--data.path", "pics", "--save-dir", "runs"]
    assert main(["train", *flags, "--sweep", "seed=1"]) == 0
    (run,) = RunStore(here / "runs").runs()
    assert run.status().state == "finished", run.log_tail()
    assert run.config().data.path == str(here / "pics")
    assert (here / "cache" / "decoded").is_dir()
    assert not (run.path / "cache").exists()
    capsys.readouterr()


def test_every_source_of_settings_makes_the_path_absolute(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, sweeps, ablations, presets and the page."""
    monkeypatch.setenv("HOME", str(here))
    made: list[Config] = [
        parse(FOLDER),
        *members("collapse", FOLDER),
        *expand(FOLDER, read_sweeps(["lr: 0.1"])),
    ]
    made += expand(
        {"data": {"source": "folder"}}, read_sweeps(["data.path: pics, ~/pics, ./pics/, x/../pics"])
    )
    made.append(parse(merge(presets()["quick"].values, FOLDER)))
    form = Form({})
    given = [spec.default for spec in form.specs]
    paths = [spec.path for spec in form.specs]
    given[paths.index("data.source")], given[paths.index("data.path")] = "folder", " pics "
    made.append(parse(form.values(["" if value is None else value for value in given])))
    assert len(made) == 11
    assert {config.data.path for config in made} == {str(here / "pics")}


def test_the_page_says_which_folder_it_became(here: Path) -> None:
    """A relative path on the page counts from where the server was started."""
    form = Form({})
    at = [spec.path for spec in form.specs].index("data.path")
    update = form.fill(FOLDER)[at]
    assert str(here / "pics") in update["info"]
    assert str(here) not in form.fill({"data": {"source": "folder", "path": "/pics"}})[at]["info"]


def test_a_link_stays_a_link(here: Path) -> None:
    """What is behind it may move."""
    (here / "link").symlink_to(here / "pics")
    assert parse({"data": {"source": "folder", "path": "link"}}).data.path == str(here / "link")


def test_an_empty_path_is_not_the_current_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unset shell variable."""
    assert main(["train", "--data.source", "folder", "--data.path", ""]) == 2
    assert "Folder or file is empty" in capsys.readouterr().err
    for flags in (["runs", "list", "--save-dir", ""], ["train", "--config", " "]):
        with pytest.raises(SystemExit) as ended:
            build_parser().parse_args(flags)
        assert ended.value.code == 2


def test_nobody_is_home(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """~ of a user that there is not: no such folder, told in a sentence."""
    with pytest.raises(ConfigError, match="There is no folder"):
        check_fit(parse({"data": {"source": "folder", "path": "~nobody-of-that-name/pics"}}))


def test_a_cache_given_by_a_relative_path_is_absolute(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIMSIAM_CACHE=cache: every job made a cache of its own in its run's folder."""
    monkeypatch.setenv("SIMSIAM_CACHE", "cache")
    assert cache_dir() == here / "cache"


@pytest.mark.parametrize("name", ["folder", "folder-paused"])
def test_a_relative_path_of_an_earlier_version_counts_from_beside_the_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found from any folder, and never looked for where somebody happens to be."""
    store = unpack_previous(tmp_path / "project")
    run = run_named(store, name)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "pics").mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    assert run.config().data.path == str(tmp_path / "project" / "pics")
    check_fit(run.config())


def test_a_relative_path_of_an_earlier_version_is_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it does not lie beside the runs, nobody knows where it was."""
    store = unpack_previous(tmp_path / "project")
    run = run_named(store, "folder-paused")
    (tmp_path / "project" / "pics").rename(tmp_path / "pics")
    monkeypatch.chdir(tmp_path)
    assert run.config().data.path == "pics"
    with pytest.raises(ConfigError, match=r"full path as data\.path into the run's config\.yaml"):
        check_fit(run.config())
    count = len(store.runs())
    for act in (lambda: resume(run), lambda: extend(run, 200), lambda: fork(store, run, "last", {})):
        with pytest.raises(RunError, match="is relative"):
            act()
    assert run.status().state == "paused"
    assert len(store.runs()) == count
