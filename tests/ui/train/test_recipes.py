from __future__ import annotations

from simsiam_core.config import presets
from simsiam_core.ui.train.recipes import AT_FIRST, recipes

PRESETS = presets(adapting=True)


def names(cards: list[dict[str, str]]) -> list[str]:
    return [card["name"] for card in cards]


def test_recipes_that_run_here_come_first_and_the_others_are_folded() -> None:
    here = recipes("quick", "textures", gpu=False)
    assert names(here["options"])[:2] == ["quick", "vit-tiny"], "both are made for textures"
    assert not any(PRESETS[name].wants_gpu for name in names(here["options"]))
    assert {name for name, preset in PRESETS.items() if preset.wants_gpu} <= set(names(here["more"]))
    assert here["title"] == f"Recipes that want a GPU ({len(here['more'])})"
    assert sorted(names(here["options"] + here["more"])) == sorted(PRESETS)


def test_recipes_for_the_chosen_images_come_first() -> None:
    assert names(recipes(None, "folder", gpu=False)["options"])[0] == "my-images"
    assert names(recipes(None, "cifar10", gpu=False)["options"])[0] == "small-cifar10"
    on_gpu = recipes(None, "cifar10", gpu=True)
    assert len(on_gpu["options"]) == AT_FIRST
    assert all(PRESETS[name].values["data"]["source"] == "cifar10" for name in names(on_gpu["options"]))
    assert on_gpu["title"].startswith("More recipes")
