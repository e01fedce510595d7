from __future__ import annotations

import pytest
from pretended import begin, end
from tiny import tiny

from simsiam_core.runs import RunDirectory, RunError, RunStore


@pytest.fixture
def three(store: RunStore) -> list[RunDirectory]:
    return [store.create(tiny(name=name)) for name in "abc"]


def test_deleted_runs_come_back_from_the_trash(store: RunStore, three: list) -> None:
    run = three[0]
    begin(run)
    with pytest.raises(RunError, match="stop it first"):
        store.trash(run)
    end(run)
    store.trash(run)
    assert [r.id for r in store.trashed()] == [run.id]
    assert run.id not in [r.id for r in store.runs()]
    for bad in ("..", "../..", three[1].id):
        with pytest.raises(RunError, match="in the trash"):
            store.restore(bad)
    assert store.restore(run.id).config() == tiny(name="a")
