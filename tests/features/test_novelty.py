from __future__ import annotations

import pytest
import torch
from features.conftest import write_checkpoint
from features.test_retrieval import png
from tiny import tiny

from simsiam_core.data import ImageSet, load
from simsiam_core.features import novelty
from simsiam_core.features.retrieval import Question
from simsiam_core.runs import RunDirectory, RunStore

ENOUGH = tiny(data={"train_limit": 300, "test_limit": 150})


@pytest.fixture
def textures(store: RunStore) -> RunDirectory:
    run, dataset = store.create(ENOUGH), load(ENOUGH.data)
    write_checkpoint(run, "last", ENOUGH, dataset.mean, dataset.std, seed=0)
    return run


def asked(
    run: RunDirectory, query: bytes | str, split: str = "train", **more: object
) -> novelty.Novelty | None:
    return novelty.novelty(run.path, "last", Question(split, query, k=5, temperature=0.1, **more))


def test_a_red_image_is_unlike_grey_textures_and_a_texture_is_not(textures: RunDirectory) -> None:
    red = torch.zeros(16, 16, 3, dtype=torch.uint8)
    red[..., 0] = 250
    found = asked(textures, png(red.numpy()))
    assert found is not None
    assert found.unlike
    assert (found.held_out, found.from_test, found.by_colours) == (150, True, True)
    typical = asked(textures, load(ENOUGH.data).test.ids[3])
    assert typical is not None
    assert not typical.unlike


def test_the_measure_is_kept_and_the_same_when_read_again(textures: RunDirectory) -> None:
    image = load(ENOUGH.data).test.ids[0]
    first = asked(textures, image)
    (kept,) = textures.projections_dir.glob("*-usual.npz")
    written = kept.stat().st_mtime_ns
    assert asked(textures, image) == first
    assert kept.stat().st_mtime_ns == written


def test_without_test_images_each_image_is_left_out_in_turn(textures: RunDirectory) -> None:
    """An image that was its own nearest neighbour would make every other query look far away."""
    ids = load(ENOUGH.data).test.ids
    found = [asked(textures, image_id, "test") for image_id in ids[:40]]
    assert all(one is not None and not one.from_test for one in found)
    assert sum(one.unlike for one in found if one is not None) <= 1


def test_too_few_images_and_parts_of_an_image_are_not_judged(
    run: RunDirectory, textures: RunDirectory
) -> None:
    from features.conftest import TINY

    assert asked(run, load(TINY.data).test.ids[0]) is None, "80 images"
    assert asked(textures, load(ENOUGH.data).test.ids[0], region=(0, 0, 0.5)) is None


def test_at_most_as_many_false_alarms_as_said() -> None:
    generator = torch.Generator().manual_seed(0)

    def drawn(count: int) -> tuple[torch.Tensor, ImageSet]:
        images = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)
        features = torch.nn.functional.normalize(torch.randn(count, 16, generator=generator), dim=1)
        return features, ImageSet(images, None, (), tuple(map(str, range(count))))

    (bank, images), (held_out, held_out_images), (fresh, fresh_images) = drawn(500), drawn(1000), drawn(1000)
    usual = novelty.measured(bank, images, held_out, held_out_images)
    alarms = sum(
        usual.judge(fresh[row : row + 1], fresh_images.images[row], bank).unlike for row in range(len(fresh))
    )
    assert 0 < alarms <= 0.02 * len(fresh)
