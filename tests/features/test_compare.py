from __future__ import annotations

import pytest
from features.conftest import write_checkpoint
from tiny import tiny

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset, load
from simsiam_core.features.compare import Change, ask_all, changes, movers
from simsiam_core.features.retrieval import Question, neighbours
from simsiam_core.runs import RunDirectory, RunStore


def test_changes_tell_what_stayed_came_and_left() -> None:
    assert changes(["a", "b", "c"], ["c", "d", "a"]) == (
        Change("c", 3, 1),
        Change("d", None, 2),
        Change("a", 1, 3),
        Change("b", 2, None),
    )


def test_every_network_is_asked_the_same(run: RunDirectory, dataset: Dataset) -> None:
    query = dataset.train.ids[0]
    networks = [(run.path, "last"), (run.path, "epoch=0001")]
    answers = ask_all(networks, Question("train", query, 7, 0.1))
    for (path, name), answer in zip(networks, answers, strict=True):
        alone = neighbours(path, name, Question("train", query, 7, 0.1))
        assert [n.id for n in answer.neighbours] == [n.id for n in alone.neighbours]


def test_movers_are_ranked_by_the_neighbours_they_keep(run: RunDirectory, dataset: Dataset) -> None:
    found = movers((run.path, "last"), (run.path, "epoch=0001"), "train", 60, k=10)
    kept = [mover.kept for mover in found]
    assert kept == sorted(kept) and kept[0] < 1
    assert found[0].left and found[0].came
    assert not {p.id for p in found[0].left} & {p.id for p in found[0].came}
    same = movers((run.path, "last"), (run.path, "last"), "train", 60, k=10, limit=12)
    assert {mover.kept for mover in same} == {1.0}
    assert len({mover.image.label for mover in same}) > 3, "images that tie are not those of the first class"


def test_runs_on_other_images_cannot_be_compared(run: RunDirectory, store: RunStore) -> None:
    config = tiny(data={"train_limit": 40})
    other, dataset = store.create(config), load(config.data)
    write_checkpoint(other, "last", config, dataset.mean, dataset.std, 0)
    with pytest.raises(ConfigError, match="do not have the same images"):
        movers((run.path, "last"), (other.path, "last"), "train", 60)


def test_a_region_asks_with_a_part_and_hiding_leaves_other_classes(
    run: RunDirectory, dataset: Dataset
) -> None:
    query = dataset.train.ids[0]
    whole = neighbours(run.path, "last", Question("train", query, 5, 0.1))
    part = neighbours(run.path, "last", Question("train", query, 5, 0.1, region=(0.0, 0.0, 0.5)))
    assert part.query.shape == whole.query.shape and (part.query != whole.query).any()
    hidden = neighbours(run.path, "last", Question("train", query, 5, 0.1, hide_same=True))
    assert len(hidden.neighbours) == 5
    assert whole.query_label not in {n.label for n in hidden.neighbours}
    assert hidden.votes == whole.votes, "all of them have voted"
    for region in ((0.8, 0.0, 0.5), (-0.2, 0.0, 0.5), (0.0, 0.0, 0.01), (0.0, float("nan"), 0.5)):
        with pytest.raises(ConfigError, match="must lie within the image"):
            neighbours(run.path, "last", Question("train", query, 5, 0.1, region=region))
