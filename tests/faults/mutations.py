"""Hostile input for the tests of doors: mutated images, and calls with values that no page sends."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CALLS = int(os.environ.get("SIMSIAM_CALLS", "250"))
SECRET = "the canary sings at midnight"


def images() -> list[bytes]:
    """Good ones of every odd kind, to be mutated."""
    dice = np.random.default_rng(0)
    noise = Image.fromarray(dice.integers(0, 256, (40, 50, 3), np.uint8))
    grey16 = Image.fromarray(dice.integers(0, 2**16, (30, 30), np.uint16))
    found = []
    for image, kind, options in [
        (noise, "png", {}),
        (noise, "jpeg", {}),
        (noise, "webp", {}),
        (noise, "gif", {"save_all": True, "append_images": [noise.rotate(90)]}),
        (noise, "tiff", {}),
        (noise, "bmp", {}),
        (noise, "ppm", {}),
        (noise.convert("CMYK"), "jpeg", {}),
        (noise.convert("LA"), "png", {}),
        (noise.convert("P"), "png", {"transparency": 3}),
        (noise.convert("1"), "png", {}),
        (noise.convert("F"), "tiff", {}),
        (grey16, "png", {}),
        (grey16, "tiff", {}),
    ]:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        found.append(buffer.getvalue())
    for turned in range(1, 9):
        buffer, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = turned
        noise.save(buffer, "jpeg", exif=exif)
        found.append(buffer.getvalue())
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "png")
    return [
        *found,
        bomb.getvalue(),
        b"",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"<svg onload='alert(1)'/>",
        b"GIF89a",
    ]


def mutated(dice: random.Random, good: list[bytes]) -> bytes:
    data = bytearray(dice.choice(good))
    for _ in range(dice.choice((0, 1, 1, 3, 20))):
        if data:
            data[dice.randrange(len(data))] = dice.randrange(256)
    if dice.random() < 0.3:
        del data[dice.randrange(len(data) + 1) :]
    if dice.random() < 0.1:
        data += bytes(dice.randrange(256) for _ in range(100))
    return bytes(data)


def strings(folder: Path) -> list[str]:
    canary = folder / "canary.txt"
    up = "../" * 12
    return [
        str(canary),
        f"{up}{str(canary)[1:]}",
        f"{up}etc/passwd",
        "/etc/passwd",
        "..",
        "../canary",
        "....//canary.txt",
        "%2e%2e%2f" * 8 + "etc%2fpasswd",
        "..\\..\\canary.txt",
        f"file://{canary}",
        "canary.txt\x00.png",
        "",
        "x" * 20_000,
        "'; DROP TABLE jobs; --",
        "<script>alert(1)</script>",
        "\u202e\ud7ff",
    ]


def values(dice: random.Random, folder: Path) -> Any:
    path = dice.choice(strings(folder))
    return dice.choice(
        [
            path,
            path,
            None,
            True,
            -1,
            0,
            2**70,
            1e308,
            [],
            [path],
            [[path]],
            {},
            {"id": path, "to": path, "name": path, "shown": path},
            {"path": path, "meta": {"_type": "gradio.FileData"}},
            {"path": str(folder / "canary.txt"), "url": path, "meta": {"_type": "gradio.FileData"}},
        ]
    )


def calls(functions: list[dict], folder: Path) -> Iterator[tuple[dict, list[Any], Any]]:
    """To every endpoint a path that leads out at every parameter, then anything at all, CALLS in all or more."""
    dice, number = random.Random(2), 0
    out = strings(folder)[:11]
    for turn in range(len(out)):
        for place, function in enumerate(functions):
            path = out[(turn + place) % len(out)]
            yield function, [path for _ in function["inputs"]], {"id": path, "to": path, "name": path}
            number += 1
        if number >= CALLS // 2:
            break
    for _ in range(max(0, CALLS - number)):
        function = functions[number % len(functions)]
        data = [values(dice, folder) for _ in function["inputs"]]
        yield function, data[: len(data) // 2] if dice.random() < 0.1 else data, values(dice, folder)
        number += 1
