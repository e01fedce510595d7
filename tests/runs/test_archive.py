"""A run as one file: what comes back, and what is refused without leaving anything behind."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pretended import begin, end
from tiny import tiny

from simsiam_core.cli import main
from simsiam_core.runs import Notes, RunDirectory, RunError, RunStore
from simsiam_core.runs.archive import is_archive, missing_images, restore_archive, write_archive
from simsiam_core.runs.archive_checks import MANIFEST
from simsiam_core.runs.evaluations import create_evaluation, evaluations


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    """A paused run with a link, an evaluation, caches, and things of no meaning elsewhere."""
    run = store.create(tiny(), notes=Notes(text="keep"))
    run.update_status(state="paused", step=8)
    run.metrics_path.write_text('{"step":1,"epoch":0,"time":1.0,"train/loss":-0.5}\n')
    (run.checkpoints_dir / "epoch=0002.ckpt").write_bytes(os.urandom(5000))
    os.link(run.checkpoints_dir / "epoch=0002.ckpt", run.checkpoints_dir / "last.ckpt")
    job = create_evaluation(run, {"kind": "knn"})
    job.update_status(state="finished")
    job.write_result({"kind": "knn", "epoch": 2, "figures": {}, "stamp": {}})
    for folder in (run.features_dir, run.projections_dir):
        folder.mkdir()
        (folder / "cached").write_bytes(b"0")
    (run.checkpoints_dir / ".last.ckpt.1234.part").write_bytes(b"half")
    run.lock().release()
    return run


@pytest.fixture
def archive(run: RunDirectory, tmp_path: Path) -> Path:
    write_archive(run, tmp_path / "run.zip")
    return tmp_path / "run.zip"


@pytest.fixture
def elsewhere(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "elsewhere")


def content(run: RunDirectory) -> dict[str, bytes]:
    files = (path for path in run.path.rglob("*") if path.is_file())
    return {str(path.relative_to(run.path)): path.read_bytes() for path in files}


def test_a_run_comes_back_as_it_was(run: RunDirectory, archive: Path, elsewhere: RunStore) -> None:
    assert is_archive(archive)
    restored = restore_archive(archive, elsewhere)
    hidden = (".lock", "checkpoints/.last.ckpt.1234.part", "features/cached", "projections/cached")
    assert content(restored) == {name: value for name, value in content(run).items() if name not in hidden}
    assert (restored.id, restored.status()) == (run.id, run.status())
    last = restored.checkpoints_dir / "last.ckpt"
    assert last.samefile(restored.checkpoints_dir / "epoch=0002.ckpt")
    assert missing_images(restored) == ""
    with pytest.raises(RunError, match="already"):
        restore_archive(archive, elsewhere)
    elsewhere.trash(restored)
    with pytest.raises(RunError, match="runs restore"):
        restore_archive(archive, elsewhere)


def test_nothing_that_waited_starts_by_itself(run: RunDirectory, elsewhere: RunStore, tmp_path: Path) -> None:
    run.update_status(state="queued")
    create_evaluation(run, {"kind": "linear"})
    write_archive(run, tmp_path / "run.zip")
    restored = restore_archive(tmp_path / "run.zip", elsewhere)
    assert restored.status().state == "paused"
    assert {job.kind: job.status().state for job in evaluations(restored)} == {
        "linear": "stopped",
        "knn": "finished",
    }


def test_a_running_run_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    begin(run)
    with pytest.raises(RunError, match="is running"):
        write_archive(run, tmp_path / "run.zip")
    end(run)
    with run.lock(), pytest.raises(RunError, match="Another process"):
        write_archive(run, tmp_path / "run.zip")
    with pytest.raises(RunError, match="folder"):
        write_archive(run, tmp_path)
    with pytest.raises(RunError, match="No such file"):
        write_archive(run, tmp_path / "none" / "run.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_images_that_are_elsewhere_are_named(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    run = store.create(tiny(data={"source": "folder", "path": str(tmp_path / "photos")}))
    assert missing_images(run) == ""
    (tmp_path / "photos").rmdir()
    assert str(tmp_path / "photos") in missing_images(run)


Members = dict[str, bytes | tuple[zipfile.ZipInfo, bytes]]


def rewritten(archive: Path, change: Callable[[str, Members, dict], None]) -> Path:
    """The archive with a change to its members, by name, and to its manifest."""
    with zipfile.ZipFile(archive) as opened:
        members: Members = {name: opened.read(name) for name in opened.namelist()}
    manifest = json.loads(members.pop(MANIFEST))
    change(manifest["run"], members, manifest)
    out = archive.with_name("changed.zip")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, value in members.items():
            opened.writestr(*(value if isinstance(value, tuple) else (name, value)))
        opened.writestr(MANIFEST, json.dumps(manifest))
    return out


def _outside(run: str, members: Members, manifest: dict) -> None:
    members["../evil.txt"] = b"!"


def _climbing(run: str, members: Members, manifest: dict) -> None:
    members[f"{run}/checkpoints/../../../evil.txt"] = b"!"


def _hidden(run: str, members: Members, manifest: dict) -> None:
    members[f"{run}/.lock"] = b"!"


def _symlink(run: str, members: Members, manifest: dict) -> None:
    link = zipfile.ZipInfo(f"{run}/notes.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members[f"{run}/notes.json"] = (link, b"/etc/passwd")


def _link_to_nowhere(run: str, members: Members, manifest: dict) -> None:
    manifest["links"]["checkpoints/last.ckpt"] = "../../../etc/passwd"


def _bomb(run: str, members: Members, manifest: dict) -> None:
    members[f"{run}/log.txt"] = bytes(40 * 2**20)
    manifest["files"]["log.txt"] = {"size": 40 * 2**20, "sha256": "0" * 64}


def _other_content(run: str, members: Members, manifest: dict) -> None:
    members[f"{run}/checkpoints/epoch=0002.ckpt"] = bytes(5000)


def _missing(run: str, members: Members, manifest: dict) -> None:
    del members[f"{run}/config.yaml"]


def _newer(run: str, members: Members, manifest: dict) -> None:
    manifest["version"] = 2


def _no_run_id(run: str, members: Members, manifest: dict) -> None:
    manifest["run"] = ".."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_outside, "points outside"),
        (_climbing, "no path of a file"),
        (_hidden, "no path of a file"),
        (_symlink, "link or no ordinary file"),
        (_link_to_nowhere, "link to a file"),
        (_bomb, "far more"),
        (_other_content, "cut short or damaged"),
        (_missing, "config.yaml"),
        (_newer, "another version"),
        (_no_run_id, "names no run"),
    ],
)
def test_what_no_archive_of_ours_holds_is_refused(
    archive: Path, elsewhere: RunStore, change: Callable, sentence: str
) -> None:
    before = sorted(archive.parent.rglob("*"))
    changed = rewritten(archive, change)
    with pytest.raises(RunError, match=sentence):
        restore_archive(changed, elsewhere)
    changed.unlink()
    assert [path for path in sorted(archive.parent.rglob("*")) if path != elsewhere.path] == before
    assert not elsewhere.path.exists() or not os.listdir(elsewhere.path)


def test_a_cut_or_flipped_file_is_refused(archive: Path, elsewhere: RunStore) -> None:
    whole = archive.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(b"epoch=0002.ckpt") + 2000] ^= 1
    for damaged in (whole[:-30], whole[: len(whole) // 2], bytes(flipped)):
        archive.write_bytes(damaged)
        assert is_archive(archive)
        with pytest.raises(RunError, match="copy it here again"):
            restore_archive(archive, elsewhere)
    assert elsewhere.runs() == [] and not any(elsewhere.path.glob(".*"))
    archive.write_bytes(b"PK\x03\x04 no archive")
    assert not is_archive(archive) and not is_archive(archive.parent) and not is_archive(archive / "none")


def test_the_terminal_writes_one(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["runs", "archive", run.id[:20]]) == 0
    assert is_archive(Path(f"{run.id}.zip"))
    assert "Left out: features and projections" in capsys.readouterr().out
    assert main(["runs", "archive", run.id[:20], "--out", "other.zip", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(tmp_path / "other.zip")
