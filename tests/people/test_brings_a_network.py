"""A person with photos and too few of them to train from nothing looks inside a network trained on ImageNet."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from simsiam_core.cli import main
from simsiam_core.model.foreign.pretrained import BACKBONE, import_pretrained, weights_file
from simsiam_core.runs import RunStore

PHOTOS = Path("/work/shared/data/photos-dogcat.tar")
WEIGHTS = weights_file()
SIZE = 128  # px
EACH = {"train": 40, "test": 20}  # of a class


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos of cats and dogs in `train/` and `test/`, shrunk so that they are decoded quickly."""
    if not PHOTOS.is_file():
        pytest.skip("the photos are not on this machine")
    wanted = {name: [split for split, n in EACH.items() for _ in range(n)] for name in ("cat", "dog")}
    with tarfile.open(PHOTOS) as archive:
        for member in archive:
            name = Path(member.name).parent.name
            file = archive.extractfile(member) if wanted.get(name) else None
            if file is None:
                continue
            target = tmp_path / "photos" / wanted[name].pop() / name / f"{len(wanted[name])}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            image = Image.open(io.BytesIO(file.read())).convert("RGB")
            image.thumbnail((2 * SIZE, 2 * SIZE))
            image.save(target)
    return tmp_path / "photos"


@pytest.mark.skipif(WEIGHTS is None, reason="the extra [pretrained] is not installed")
def test_real_weights_tell_real_photos_apart(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names other than timm's, in its order: kNN among photos, through the commands a person types."""
    monkeypatch.chdir(tmp_path)
    assert WEIGHTS is not None
    command = ["import", str(WEIGHTS), "--backbone", "tf_efficientnet_lite0", "--data.path", "photos"]
    assert main(command) == 2
    assert "lacks conv_stem.weight" in capsys.readouterr().err
    assert main([*command, "--by-order", "--image-size", str(SIZE), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["backbone"], told["mean"]) == (BACKBONE, [0.5, 0.5, 0.5])
    assert told["files"][0]["left_over"] == ["_fc.* (2 tensors)"]
    assert main(["evaluate", "knn", told["run"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["knn/accuracy"] > 0.9


@pytest.mark.skipif(WEIGHTS is None, reason="the extra [pretrained] is not installed")
def test_the_pretrained_network_is_imported_once(store: RunStore) -> None:
    first = import_pretrained(store)
    assert import_pretrained(store).id == first.id
    assert first.config().model.backbone == BACKBONE
    assert first.config().data.image_size == 224
    small = ["import", "--pretrained", "--save-dir", str(store.path), "--image-size", "64", "--name", "small"]
    assert main(small) == 0  # what is said of it is heeded
    assert {(run.config().name, run.config().data.image_size) for run in store.runs()} == {
        ("imagenet", 224),
        ("small", 64),
    }
    assert import_pretrained(store).id == first.id
    assert main([*small, "--stem", "cifar"]) == 2


def test_where_it_is_not_installed_the_command_is_named(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("simsiam_core.model.foreign.pretrained.PACKAGE", "no_such_package")
    assert main(["import", "--pretrained", "--save-dir", str(store.path)]) == 2
    assert "pip install 'simsiam-dashboard[pretrained]'" in capsys.readouterr().err
    assert not store.runs()
