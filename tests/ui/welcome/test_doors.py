"""Which doors can be opened, and what is said of those that are shut."""

from __future__ import annotations

from simsiam_core.runs import RunStore
from simsiam_core.ui.context import READ_ONLY, Context
from simsiam_core.ui.welcome.doors import NOT_HERE, UNPACKING, doors


def shut(context: Context) -> dict[str, str]:
    return {door["name"]: door["shut"] for door in doors(context)["doors"]}


def test_while_the_network_is_unpacked_the_door_says_to_wait(store: RunStore) -> None:
    context = Context(store, None, scheduler=object(), unpacking=True)  # type: ignore[arg-type]  # not asked
    assert shut(context) == {"look": UNPACKING, "train": "", "quick": ""}
    context.unpacking = False
    assert shut(context)["look"] == NOT_HERE


def test_a_page_that_only_looks_starts_nothing(store: RunStore) -> None:
    context = Context(store, None)  # type: ignore[arg-type]  # not asked
    assert shut(context) == {"look": NOT_HERE, "train": READ_ONLY, "quick": READ_ONLY}
