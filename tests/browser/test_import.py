"""Import a network: what is understood stands on the page before it is imported, and the run is then chosen."""

from __future__ import annotations

import io
import re

import torch
from playwright.sync_api import Page, expect

from simsiam_core.config import ModelConfig
from simsiam_core.model import build_backbone

from .conftest import Server


def saved(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def test_a_dropped_network_becomes_a_run(page: Page, server: Server) -> None:
    weights = build_backbone(ModelConfig(backbone="resnet10", stem="cifar", width=8)).state_dict()
    known = {run.id for run in server.store.runs()}
    page.goto("/?tab=runs")
    page.get_by_text("Import a network").click()
    box, importing = page.locator("#import-upload input[type=file]"), page.locator("#import-run")
    message, shown = page.locator("#import-message .problem"), page.locator("#import-understood")
    box.set_input_files({"name": "letter.pth", "mimeType": "", "buffer": b"no network"})
    expect(message).to_contain_text("letter.pth is no checkpoint")
    expect(importing).to_be_disabled()
    content = {"state_dict": {f"module.encoder.{n}": v for n, v in weights.items()}, "epoch": 4}
    box.set_input_files({"name": "mine.pth", "mimeType": "", "buffer": saved(content)})
    expect(message).to_contain_text("mine.pth fits 3 networks equally")
    page.locator("#import-backbone input").click()
    page.get_by_role("option", name="resnet10, stem stride2").click()
    expect(shown).to_contain_text("60 of 60 tensors under 'state_dict.module.encoder', epoch 4")
    expect(shown).to_contain_text("ImageNet's, assumed")
    page.locator("#import-name input, #import-name textarea").fill("theirs")
    importing.click()
    expect(page.locator("#import-done")).to_contain_text("theirs · ")
    (run,) = (run for run in server.store.runs() if run.id not in known)
    assert run.config().model.stem == "stride2"
    assert run.config().name == "theirs"
    expect(page).to_have_url(re.compile(f"runs={run.id}"))
    expect(page.locator("#monitor-runs")).to_contain_text("theirs")
