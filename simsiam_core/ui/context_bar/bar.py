"""The bar: run, checkpoint and images, chosen once for all pages that look inside; only the person changes it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import gradio as gr

from simsiam_core.features.quality import quality, trained_on
from simsiam_core.runs import BUNDLED, RunDirectory, RunError
from simsiam_core.ui.components import image_banks, use_network
from simsiam_core.ui.components.checkpoint_picker import NO_RUNS, checkpoint_name, in_order
from simsiam_core.ui.components.widget import event_value, widget
from simsiam_core.ui.context import LATEST, QUIET, Context, Page
from simsiam_core.ui.context_bar.network import ChosenNetwork, newest, of_run, source_title
from simsiam_core.ui.context_bar.offers import offer
from simsiam_core.ui.live.updates import Aim, News, Part, updates_widget
from simsiam_core.ui.text import run_name

LISTED = 200  # runs in the list, the newest ones; the chosen one is always among them


class ContextBar:
    """Its own components, and what fills them."""

    def __init__(self, context: Context, page: Page) -> None:
        self._context, self._page = context, page
        with gr.Column(elem_id="context-bar"):
            self._bar = widget("context_bar/bar", "bar")  # filled as the address is read
            with gr.Accordion("Use this network", open=False, elem_id="bar-use", elem_classes="form-more"):
                use_network.build(context, page.network)
            self._trouble = gr.State(None)  # what of the address is not here; None until it has been read
            self._offer = widget("context_bar/offer", "bar-offer")
            self._updates = updates_widget("bar-updates", self._parts)

    def wire(self, tabs: list[gr.Tab]) -> None:
        """Follow the address and the person; list what is there when one of the tabs is opened."""
        network, bar, link, trouble = self._page.network, self._bar, self._page.link, self._trouble
        self._page.restore(self._from_address, [], [network, bar, link, trouble])
        for chooser in (bar, self._offer):
            chooser.select(self._choose, network, [network, bar, link, trouble], **LATEST)
        for tab in tabs:
            tab.select(self._opened, [network, trouble], [network, bar], **QUIET)
        network.change(_aim, network, self._updates, **QUIET)

    def _from_address(self, address: Mapping[str, str]) -> list[Any]:
        if "run" in address:
            named = (address["run"], address.get("checkpoint"), address.get("images", "train"))
            network, trouble = of_run(self._context, *named)
        else:
            network, trouble = newest(self._context), ""
        if network is None:
            return [None, self._value(None, trouble), gr.skip(), trouble]
        known: dict[str, Any] = {**network.address(), "replace": True}
        if "run" in address and "checkpoint" not in address:
            known["runs"] = address.get("runs") or network.run  # a link to a run is one to its charts, too
        return [network, self._value(network, trouble), known, trouble]

    def _choose(self, network: ChosenNetwork | None, event: gr.EventData) -> list[Any]:
        run_id, checkpoint, images = (event_value(event, name) for name in ("run", "checkpoint", "images"))
        images = images or (network.images if network else "train")
        chosen, trouble = of_run(self._context, run_id, checkpoint, images)
        if chosen is None:
            return [gr.skip(), self._value(network, trouble), gr.skip(), gr.skip()]
        return [chosen, self._value(chosen, trouble), chosen.address(), trouble]

    def _opened(self, network: ChosenNetwork | None, trouble: str | None) -> list[Any]:
        """New runs and checkpoints are listed; what is chosen stays, and is the newest where nothing was."""
        if trouble is None:  # the address is being read, and it alone says which network it names
            return [gr.skip(), gr.skip()]
        if network is None and not trouble:
            network = newest(self._context)
            return [network or gr.skip(), self._value(network)]
        return [gr.skip(), self._value(network, trouble)]

    def _parts(self, aim: Aim) -> News:
        """What has come since: a newer checkpoint, a run that has finished."""
        network = ChosenNetwork(*aim.chosen) if len(aim.chosen) == 3 else None
        found = offer(self._context, network)
        return News([Part("bar-offer", found, lambda: found)])

    def _value(self, network: ChosenNetwork | None, trouble: str = "") -> dict[str, Any]:
        context = self._context
        runs = self._runs(network)
        value = {
            "runs": [[run.id, run_title(run)] for run in runs],
            "images": [[value, title] for title, value in image_banks.banks(context)],
            "chosen": network.address() if network else None,
            "trouble": trouble or ("" if runs else NO_RUNS),
        }
        try:
            return {**value, **(_of_network(network.directory(context), network) if network else {})}
        except RunError as error:
            return {**value, "trouble": trouble or str(error)}

    def _runs(self, network: ChosenNetwork | None) -> list[RunDirectory]:
        found: list[RunDirectory] = []
        snapshot = self._context.snapshots.look()
        for run in snapshot.runs:
            chosen = network is not None and run.id == network.run
            listed = len(found) < LISTED and snapshot.statuses[run.id].state != "queued" and run.checkpoints()
            if chosen or listed:
                found.append(run)
        return found


def run_title(run: RunDirectory) -> str:
    """Its name, and of the bundled network what it is."""
    if run.id != BUNDLED:
        return run_name(run.id)
    return f"bundled: a small network trained on {source_title(trained_on(run))}"


def _of_network(run: RunDirectory, network: ChosenNetwork) -> dict[str, Any]:
    """Its checkpoints, its figures and what they mean."""
    found = quality(run, network.checkpoint)
    knn, raw, judged = found.figures.knn, found.figures.raw_pixels, found.verdict
    measured = [f"kNN {knn:.1%}"] if knn is not None else []
    measured += [f"raw pixels {raw:.1%}"] if knn is not None and raw is not None else []
    where = source_title(trained_on(run)) if run.id == BUNDLED and measured else ""
    return {
        "checkpoints": [[name, checkpoint_name(name)] for name in reversed(in_order(run))],
        "figure": " · ".join([*measured, *([f"on {where}"] if where else [])]),
        "level": judged.level,
        "verdict": judged.sentence,
        "next": judged.next_step,
    }


def _aim(network: ChosenNetwork | None) -> dict[str, Any]:
    """Have what is new looked for at once."""
    chosen = [network.run, network.checkpoint, network.images] if network else []
    return {"chosen": chosen, "axis": "", "at": time.time()}
