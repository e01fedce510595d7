"""Process of a single part, so that GPU faults and state do not affect later parts."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from dataclasses import asdict
from pathlib import Path

import torch

from simsiam_core import garbage_collection
from simsiam_core.bench.accept.rows import Place, Row


def main() -> None:
    """Run a part; arguments: part, seconds, its folder, the file for its rows, the folder of images or ''."""
    part, seconds, folder, rows, data = sys.argv[1:]
    garbage_collection.reduce_gc_overhead()
    place = Place(torch.cuda.is_available(), Path(folder), float(seconds), Path(data) if data else None)
    with Path(rows).open("a", encoding="utf-8", buffering=1) as file:
        try:
            for row in importlib.import_module(f"simsiam_core.bench.accept.{part}").check(place):
                file.write(json.dumps(asdict(row)) + "\n")
        except Exception as error:
            traceback.print_exc()
            said = (str(error).splitlines() or [""])[0]
            file.write(json.dumps(asdict(Row("the part", False, f"{type(error).__name__}: {said}"))) + "\n")
