"""A catalogue of the libraries' networks, by which a file's network is looked up without building them all.

Building all 1,400 takes minutes even without values. The catalogue holds a sketch of each: the smallest hashes
of its tensors' names and shapes (Broder, 1997). A network that is in a file has all its hashes there, whatever
else the file holds. What the catalogue proposes is then built and compared exactly.

`python -m simsiam_core.model.foreign.catalogue` writes it anew, which a new release of timm asks for.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from simsiam_core.assets import asset_path
from simsiam_core.config import ModelConfig
from simsiam_core.config.sections.network import RESNET_FAMILY
from simsiam_core.model.backbone import FAMILIES, build_backbone
from simsiam_core.model.foreign.defaults import preprocessing
from simsiam_core.model.foreign.matching import COUNTER

CATALOGUE = asset_path("networks.npz")
HASHES = 16  # of each network
NEAR = 0.5  # share of a network's hashes in a file that makes it a near one
MOST, MOST_NEAR = 24, 3  # networks that are proposed
# Tensors whose shape depends on the size of the images.
SIZED = re.compile(
    r"pos_embed|position_embedding|relative_position|rel_pos|attn_mask|bias_mask|attention_bias"
)


def proposed(tensors: Mapping[str, Tensor]) -> list[tuple[str, int]]:
    """Return networks that may be in a file: names and numbers of tensors, those with most tensors first."""
    names, counts, shares = _shares(tensors)
    order = sorted(np.flatnonzero(shares == 1), key=lambda row: (-counts[row], len(names[row]), names[row]))
    return [(str(names[row]), int(counts[row])) for row in order[:MOST]]


def near(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the networks of which most seems to be in a file."""
    names, _, shares = _shares(tensors)
    order = np.argsort(-shares, kind="stable")[:MOST_NEAR]
    return [str(names[row]) for row in order if shares[row] >= NEAR]


def _shares(tensors: Mapping[str, Tensor]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return names, numbers of tensors, and the share of each network's hashes that are in a file."""
    names, counts, sketches = _read()
    hashes = np.unique([_hash(name, value) for root in _roots(tensors) for name, value in root])
    there = (np.isin(sketches, hashes) & (sketches > 0)).sum(1)
    return names, counts, there / np.maximum((sketches > 0).sum(1), 1)


def unlisted() -> list[str]:
    """Return the names of networks of the installed libraries that the catalogue does not know."""
    known = set(_read()[0].tolist())
    return [name for name in _library_networks() if name not in known]


def _library_networks() -> list[str]:
    families = (entry for family, entry in FAMILIES.all().items() if family != RESNET_FAMILY)
    return [name for entry in families for name in entry.names()]


def _roots(tensors: Mapping[str, Tensor]) -> Iterable[list[tuple[str, Tensor]]]:
    """Yield the tensors below each name before a layer that sees images, without that name."""
    first = [name for name, value in tensors.items() if value.ndim == 4 and value.shape[1] == 3]
    prefixes = {""}
    for name in first:
        parts = name.split(".")
        prefixes |= {".".join(parts[:end]) + "." for end in range(1, len(parts) - 1)}
    for prefix in prefixes:
        yield [(name[len(prefix) :], value) for name, value in tensors.items() if name.startswith(prefix)]


def _hash(name: str, value: Tensor) -> int:
    """Return 32 bits of a name and a shape, never 0, which means none."""
    digest = hashlib.blake2b(f"{name} {tuple(value.shape)}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") or 1


def sketch(tensors: Mapping[str, Tensor]) -> tuple[int, list[int]]:
    """Return the number of a network's tensors, and the smallest of their hashes, filled up with 0."""
    kept = [(n, v) for n, v in tensors.items() if not (n.endswith(COUNTER) or SIZED.search(n))]
    smallest = sorted({_hash(name, value) for name, value in kept})[:HASHES]
    return len(kept), smallest + [0] * (HASHES - len(smallest))


@lru_cache(maxsize=1)
def _read() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(CATALOGUE) as content:
        return content["names"], content["counts"], content["sketches"]


def write() -> None:
    """Write the catalogue of the networks of the installed libraries."""
    names, counts, sketches = [], [], []
    for name in _library_networks():
        model = ModelConfig(backbone=name)
        try:
            with torch.device("meta"):
                network = build_backbone(model, preprocessing(model).image_size)
            count, hashes = sketch(network.state_dict())
        except Exception as error:  # known, but never proposed: each library raises its own types
            print(error, file=sys.stderr)
            count, hashes = 0, [0] * HASHES
        names.append(name)
        counts.append(count)
        sketches.append(hashes)
    np.savez_compressed(
        CATALOGUE,
        names=np.array(names),
        counts=np.array(counts, np.int32),
        sketches=np.array(sketches, np.uint32),
    )


if __name__ == "__main__":
    write()
