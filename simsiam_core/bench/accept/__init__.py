"""The acceptance test: checks on this machine what can only be checked with a GPU.

Each part is a module with one function, `check(place)`, which yields a `Row` per check. Parts that make sense
on a CPU also run there, at a small size, which is how the script itself is tested. Only the core is needed:
no page, no UMAP, no network access.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """A part of the acceptance test: what it shows, and its weight in the time budget."""

    shows: str
    weight: float


PARTS = {  # by module name, in the order in which they run
    "environment": Part("slots are devices; a compiler and Python's headers are there", 0.5),
    "sync": Part("a whole training step waits for the GPU nowhere", 1),
    "equality": Part("views, 12 losses and kNN predictions are those of the CPU", 2),
    "prefetch": Part("batches fetched ahead are those of resident images, at 32 and 224 px", 0.5),
    "fp16": Part("16-mixed trains, and a resumed run goes on with its loss scale", 1),
    "compiled": Part("compiled training is eager training, for every method and preset", 6),
    "faults": Part(
        "full memory, an occupied GPU, pause, kill, stop while compiling, reading without a GPU", 5
    ),
    "speed": Part("against a bare loop, torchvision's way and kornia's; how busy the GPU is", 5),
    "learn": Part("20 epochs learn", 5),
    "isolation": Part("a job sees its GPU alone; estimates give their memory back", 2),
    "multi": Part("several devices have the losses of one, and end together", 3),
}
