"""Somebody gives a folder of their own images: what is understood, what is left out, and that both are said."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image
from tiny import TINY

from simsiam_core.cli import main
from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.data import formats, load
from simsiam_core.data.folder import describe_folder, list_folder
from simsiam_core.data.layout import Layout, understand
from simsiam_core.data.scan import ScanTimeoutError
from simsiam_core.features.folder_preview import preview_folder
from simsiam_core.ui.train.folder import as_html


def image(path: Path, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 7), (len(path.name) * 9 % 256, 80, 120)).save(path, **options)
    return path


def ids(folders: Iterable[str], count: int = 3) -> list[str]:
    """`count` images in each folder that ends in a slash; other names are those of images."""
    return [i for f in folders for i in ([f"{f}{n}.jpg" for n in range(count)] if f.endswith("/") else [f])]


def counts(layout: Layout) -> tuple[dict[str, int], dict[str, int]]:
    """Images of each class in training and test; "" stands for no class."""
    train, test = (Counter(layout.class_of.get(i, "") for i in part) for part in (layout.train, layout.test))
    return dict(train), dict(test)


BOTH = {"cat": 3, "dog": 3}


@pytest.mark.parametrize(
    ("folders", "train", "test"),
    [
        ("Train/cat/ Train/dog/ Test/cat/ Test/dog/", BOTH, BOTH),
        ("Train/cat/ Test/dog/", {"cat": 3}, {"dog": 3}),
        ("training/cat/ training/dog/ validation/cat/ validation/dog/", BOTH, BOTH),
        ("train/cat/ train/dog/ valid/cat/ valid/dog/", BOTH, BOTH),
        ("TRAIN/cat/ TRAIN/dog/ testing/cat/ testing/dog/", BOTH, BOTH),
        ("train_set/cat/ train_set/dog/ TestSet/cat/ TestSet/dog/", BOTH, BOTH),
        ("Train-images/cat/ Train-images/dog/ Test-images/cat/ Test-images/dog/", BOTH, BOTH),
        ("train2017/cat/ train2017/dog/ val2017/cat/ val2017/dog/", BOTH, BOTH),
        ("seg_train/seg_train/cat/ seg_train/seg_train/dog/ seg_test/seg_test/cat/ seg_test/seg_test/dog/",
         BOTH, BOTH),
        ("d/train/cat/ d/train/dog/ d/test/cat/ d/test/dog/", BOTH, BOTH),
        ("train/images/cat/ train/images/dog/ test/cat/ test/dog/", BOTH, BOTH),
        ("cat/train/ cat/test/ dog/train/ dog/test/", BOTH, BOTH),
        ("val/cat/ val/dog/ test/cat/ test/dog/", BOTH, BOTH),
        ("images/cat/ images/dog/ test/cat/ test/dog/", BOTH, BOTH),
        ("images/train/ images/val/", {"": 3}, {"": 3}),
        ("mypics/cat/ mypics/dog/", BOTH, {}),
        ("a/b/c/cat/ a/b/c/dog/", BOTH, {}),
        ("train/ bus/ car/", {"train": 3, "bus": 3, "car": 3}, {}),
        ("test/ control/", {"test": 3, "control": 3}, {}),
        ("valid/ invalid/", {"valid": 3, "invalid": 3}, {}),
        ("animals/cat/ animals/dog/ plants/", {"animals": 6, "plants": 3}, {}),
        ("cat/", {"": 3}, {}),
    ],
)  # fmt: skip
def test_splits_and_classes_are_found_under_the_names_people_use(
    folders: str, train: dict[str, int], test: dict[str, int]
) -> None:
    """Kind: split names became classes, or classes splits; a single root folder lost all labels."""
    assert counts(understand(ids(folders.split()))) == (train, test)


@pytest.mark.parametrize(
    ("folders", "sentence"),
    [
        ("train/Cat/ train/dog/ test/cat/ test/dog/", "Cat and cat differ only in case and are 2 classes"),
        ("animals/cat/ animals/dog/ plants/", "animals holds folders of its own (cat and dog)"),
        ("cat/ loose.jpg", "cat is the only class folder"),
        ("my/cat/ my/dog/ loose.jpg", "For cat and dog as classes, take the images beside it away."),
        ("cat/", "All images lie in one folder, cat"),
        ("val/cat/ val/dog/ test/cat/ test/dog/", "There is no training folder: val is trained on."),
        ("data/train/cat/ data/train/dog/ docs/", "For these as splits, give the folder data itself."),
    ],
)
def test_what_may_not_be_meant_is_said(folders: str, sentence: str) -> None:
    """Kind: a layout was guessed and nothing said about it."""
    assert sentence in " ".join(understand(ids(folders.split())).notes)


@pytest.mark.parametrize(
    ("folders", "left_out"),
    [
        ("train/cat/ train/dog/ val/cat/ test/cat/", {"val/: test is used for testing instead": 3}),
        ("train/cat/ train/dog/ val/cat/ test/", {"test/: val is used for testing instead": 3}),
        ("train/cat/ train/dog/ test/", {"test/: images in no class folder": 3}),
        ("train/cat/ train/dog/ test/cat/ more/", {"more/: beside the splits and none of them": 3}),
        ("train/cat/ train/dog/ test/cat/ x.jpg", {"x.jpg: beside the splits": 1}),
        ("cat/ dog/ x.jpg", {"x.jpg: beside the class folders, so without a class": 1}),
    ],
)
def test_images_that_are_in_no_split_or_class_are_named(folders: str, left_out: dict[str, int]) -> None:
    """Kind: images vanished without a word because of where they lie."""
    found = understand(ids(folders.split())).left_out
    assert {str(one): one.files for one in found} == left_out


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """Every kind of file that a folder of photos comes to hold, beside two good classes."""
    root = tmp_path / "messy"
    for kind in ("cat", "dog"):
        for number in range(3):
            image(root / kind / f"{number}.png")
    for name in ("a.jfif", "b.jpe"):
        image(root / "cat" / name, format="JPEG")
    image(root / "cat/c.tga")
    image(root / "cat/nosuffix", format="PNG")
    image(root / "cat/d.jpg_large", format="JPEG")
    image(root / "cat/e.png.bak", format="PNG")
    for name in ("f.svg", "g.psd", "h.cr2", "i.jxl", "notes.txt", "Thumbs.db", "._0.png", ".j.png"):
        (root / "cat" / name).write_bytes(b"xxxx")
    (root / "cat/empty.jpg").touch()
    os.mkfifo(root / "cat/pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(root):  # such an address must be short
        listening.bind("dog/socket.jpg")
    (root / "ring.png").symlink_to("ring.png")
    (root / "dog/gone.jpg").symlink_to("nowhere.jpg")
    (root / "dog/up").symlink_to("..")
    (root / "dog/out.png").symlink_to(image(tmp_path / "outside.png"))
    (root / "dog/inside.png").symlink_to(root / "cat/0.png")
    for name in ("@eaDir", "$RECYCLE.BIN", "lost+found", "__MACOSX", ".hidden"):
        image(root / name / "x.png")
    return root


@pytest.fixture(autouse=True)
def _back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


REASONS = {
    "cat/e.png.bak": "backup",
    "cat/f.svg": "save it as PNG",
    "cat/g.psd": "image editor",
    "cat/h.cr2": "camera",
    "cat/i.jxl": "not read",
    "cat/notes.txt": "not an image",
    "cat/Thumbs.db": "operating system",
    "cat/._0.png": "operating system",
    "cat/.j.png": "hidden",
    "cat/empty.jpg": "empty",
    "cat/pipe.jpg": "pipe",
    "dog/socket.jpg": "pipe",
    "ring.png": "back to itself",
    "dog/gone.jpg": "not there",
    "dog/up": "link to a folder",
    "dog/out.png": "leads out",
    "@eaDir/": "operating system",
    "$RECYCLE.BIN/": "operating system",
    "lost+found/": "operating system",
    "__MACOSX/": "operating system",
    ".hidden/": "hidden",
}


def test_every_file_is_read_or_named_with_a_reason(messy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kind: images with other suffixes, links, system folders and special files were dropped unnamed."""
    assert main(["data", str(messy), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    left_out = {one["path"]: one["reason"] for one in found["left_out"]}
    assert left_out.keys() == REASONS.keys()
    assert all(word in left_out[path] for path, word in REASONS.items())
    images = {c["name"]: c["train"] + c["test"] for c in found["classes"]}
    assert images == {"cat": 8, "dog": 4} and found["train"] + found["test"] == 12
    assert "2 of the files are images by their content" in " ".join(found["notes"])
    dataset = load(DataConfig(source="folder", path=str(messy), image_size=8))
    assert dataset.test and len(dataset.train) + len(dataset.test) == 12, "all that is counted is decoded"
    assert {one.path for one in dataset.skipped} == REASONS.keys()


def test_the_terminal_says_it_in_words(messy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kind: nobody was told what a folder was taken for."""
    assert main(["data", str(messy)]) == 0
    out = capsys.readouterr().out
    assert (
        "2 classes: cat 8, dog 4; train 11, test 1 (held out" in out
        and "left out: 21 files and folders" in out
    )
    assert "Left out 2, a pipe, socket or device: cat/pipe.jpg and dog/socket.jpg" in out
    for path, sentence in (("nothing", "There is no folder"), ("messy/cat/0.png", "is a file")):
        assert main(["data", path]) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("path", ["ring", "x" * 300, "a\0b", "messy/dog/up/" * 40])
def test_a_path_that_leads_nowhere_is_a_sentence(tmp_path: Path, path: str) -> None:
    """Kind: a link to itself, or a name that no file system takes, gave a traceback."""
    (tmp_path / "ring").symlink_to("ring")
    with pytest.raises(ConfigError, match=r"There is no folder|cannot be opened"):
        describe_folder(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(messy: Path) -> None:
    """Kind: unreadable folders and files were passed over."""
    (messy / "cat/0.png").chmod(0)
    (messy / "dog").chmod(0)
    try:
        reasons = {one.path: one.reason for one in describe_folder(str(messy)).left_out}
        assert "may not be read" in reasons["cat/0.png"] and "cannot be read" in reasons["dog/"]
    finally:
        (messy / "dog").chmod(0o755)


def test_a_folder_that_cannot_be_listed_is_named(messy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: an unreadable folder was passed over (here for any user, root too)."""
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    reasons = {one.path: one.reason for one in describe_folder(str(messy)).left_out}
    assert reasons["dog/"] == "a folder that cannot be read: Permission denied"


def test_photos_of_a_telephone_are_read_or_come_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: HEIC and AVIF photos were dropped unnamed."""
    for name in ("a.png", "b.heic"):
        (tmp_path / "p").mkdir(exist_ok=True)
        (tmp_path / "p" / name).write_bytes(b"x")
    monkeypatch.setattr(formats, "SUFFIXES", formats.SUFFIXES - {".heic"})
    (left_out,) = describe_folder(str(tmp_path / "p")).left_out
    assert left_out.path == "b.heic" and "pillow-heif; install it, or save as JPEG" in left_out.reason
    if "AVIF" in formats.FORMATS:
        image(tmp_path / "q/c.avif")
        assert load(DataConfig(source="folder", path=str(tmp_path / "q"), image_size=8)).train.ids == (
            "c.avif",
        )


def test_heic_is_decoded_where_the_package_is(tmp_path: Path) -> None:
    """Kind: HEIC photos were dropped unnamed."""
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is optional")
    opened = Image.open(image(tmp_path / "p/a.png"))
    pillow_heif.from_pillow(opened).save(tmp_path / "p/b.heic")
    dataset = load(DataConfig(source="folder", path=str(tmp_path / "p"), image_size=8))
    assert dataset.train.ids == ("a.png", "b.heic") and not dataset.skipped
    apart = dataset.train.images[0].int() - dataset.train.images[1].int()
    assert apart.abs().max() < 16, "the same colours"


def test_the_page_shows_classes_counts_and_a_few_images(messy: Path) -> None:
    """Kind: the page said nothing of a folder until training began."""
    image(messy / "<b>x/0.png")
    found = preview_folder(str(messy))
    assert Counter(one.label for one in found.images) == {"<b>x": 1, "cat": 7, "dog": 4}
    shown = as_html(found)
    assert "&lt;b&gt;x" in shown and "<b>x" not in shown
    assert shown.count("<img") == 12 and shown.count("<tr>") == 4 and "cat/pipe.jpg" in shown
    shutil.rmtree(messy)
    with pytest.raises(ConfigError, match="There is no folder"):
        preview_folder(str(messy))


def test_a_whole_disk_is_not_looked_through_for_the_page(
    messy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a path typed letter by letter passes `/`, and the server listed the disk."""
    with pytest.raises(ScanTimeoutError):
        list_folder(str(messy), seconds=-1)
    monkeypatch.setattr("simsiam_core.features.folder_preview.LISTING_SECONDS", -1)
    assert "so many files" in preview_folder(str(messy)).summary


def test_the_log_of_a_run_says_what_was_understood(
    messy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Kind: nothing in the log about what was left out."""
    settings = TINY | {"data": {"source": "folder", "path": str(messy), "image_size": 16}}
    settings["training"] = {**TINY["training"], "epochs": 1, "batch_size": 4}
    (tmp_path / "c.yaml").write_text(json.dumps(settings))
    assert main(["train", "--config", "c.yaml", "--save-dir", "runs"]) == 0
    out = capsys.readouterr().out
    assert "2 classes: cat 8, dog 4; train 11, test 1" in out and "ring.png" in out
