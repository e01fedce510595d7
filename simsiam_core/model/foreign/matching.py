"""Matching the tensors of a file with those of a backbone: by names under a prefix and a layout, or by order.

A prefix such as `module.encoder_q.` is whatever stands before the backbone's names in the file. A file may
hold several networks, such as a student and a teacher; each is a `Fit` of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from simsiam_core.model.checkpoint import CheckpointError

COUNTER = "num_batches_tracked"  # of batch norms; it has no effect on features, and older programs lack it
LISTED = 3  # names in a message
# Layouts that tell what a network computes: activations would have numbers of their own.
IN_A_ROW, SHORTCUTS = "children numbered in a row", "shortcuts"
# Of several networks in a file, averaged weights come first, and the slow encoder of a contrastive method last:
# that one is a means of its training, and publications use the other.
_PREFERRED = re.compile(r"(?<![a-z])(teacher|ema|averag\w*)(?![a-z])", re.IGNORECASE)
_LAST = re.compile(r"(?<![a-z])(momentum|target|encoder_k|key)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Fit:
    """Where a backbone's tensors are in a file; all names but those of `sources`' keys are the file's."""

    prefix: str  # before the backbone's names, such as "module.encoder_q."
    layout: str  # how the remaining names differ from the backbone's, as words; empty: not at all
    sources: Mapping[str, str]  # the file's name by the backbone's, of tensors of equal shape
    missing: tuple[str, ...]  # the backbone's names of tensors that are not in the file
    reshaped: Mapping[str, str]  # as `sources`, of tensors whose shape in the file is another one
    extra: tuple[str, ...]  # the file's names of further layers: its network is another one
    total: int  # tensors of the backbone, without counters

    @property
    def matched(self) -> int:
        """The number of matched tensors, without counters."""
        return sum(not name.endswith(COUNTER) for name in self.sources)

    @property
    def complete(self) -> bool:
        """Whether every tensor of the backbone is in the file, and no layer of its network is left over."""
        return not (self.missing or self.reshaped or self.extra)


@dataclass(frozen=True, eq=False)
class Match:
    """Weights for a backbone, found in a file: float32 copies, under the backbone's names."""

    weights: Mapping[str, Tensor]
    fit: Fit
    left_over: tuple[str, ...]  # names in the file of tensors that are not used, without counters
    others: tuple[str, ...]  # prefixes of further networks in the file that fit as well
    converted: str  # the type of weights that were converted to float32, such as "float16"; empty: none

    @property
    def matched(self) -> int:
        """The number of matched tensors of `total`."""
        return self.fit.matched

    @property
    def total(self) -> int:
        """The number of tensors of the backbone, without counters of batch norms."""
        return self.fit.total

    @property
    def missing(self) -> tuple[str, ...]:
        """The backbone's names of tensors that the file lacks or has in another shape."""
        return (*self.fit.missing, *self.fit.reshaped)


def match(
    tensors: Mapping[str, Tensor], backbone: nn.Module, *, by_order: bool = False, network: str | None = None
) -> Match:
    """Match a file's tensors with a backbone, which may be on the meta device.

    `network` is the prefix of one of several networks in the file, or the start of one. `by_order` ignores
    names, and pairs the tensors in order as long as their shapes are equal. The result may be incomplete: see
    `Match.missing` and `checked`. Raises CheckpointError for tensors that are no usable weights, and for an
    unknown `network`.
    """
    expected = backbone.state_dict()
    fits = [ordered_fit(tensors, expected)] if by_order else all_fits(tensors, expected)
    if network is not None and not by_order:
        fits = _of_network(fits, network)
    fit = fits[0]
    weights, converted = _usable(tensors, fit, expected)
    used = set(fit.sources.values())
    others = tuple(each.prefix for each in fits[1:] if each.complete and fit.complete)
    left_over = tuple(n for n in tensors if n not in used and not n.endswith(COUNTER))
    return Match(weights, fit, left_over, others, converted)


def checked(found: Match, tensors: Mapping[str, Tensor], backbone: nn.Module, name: str) -> Match:
    """Return a complete match; `name` is the backbone's, for the message. Raises CheckpointError."""
    fit = found.fit
    if fit.missing:
        raise CheckpointError(
            f"The file does not fit {name}: it lacks {_listed(fit.missing)} "
            f"({fit.matched} of {fit.total} tensors match)."
        )
    if fit.reshaped:
        first, source = next(iter(fit.reshaped.items()))
        theirs, ours = _shape(tensors[source]), _shape(backbone.state_dict()[first])
        raise CheckpointError(
            f"The file does not fit {name}: {first} is {theirs} there and {ours} in the network "
            f"({fit.matched} of {fit.total} tensors match)."
        )
    if fit.extra:
        raise CheckpointError(
            f"The file does not fit {name}: it has further layers ({_listed(fit.extra)}), so it is another network."
        )
    return found


def all_fits(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[Fit]:
    """Return how a backbone fits a file under each prefix and layout, the best first."""
    fits = [
        _fit(tensors, expected, prefix, layout, names)
        for prefix, under in _roots(tensors, expected).items()
        for layout, names in _layouts(under, expected)
    ]
    if not fits:
        fits = [_fit(tensors, expected, "", "", {name: name for name in expected})]
    fits.sort(key=lambda fit: (fit.complete, fit.matched, _preference(fit.prefix)), reverse=True)
    best: dict[str, Fit] = {}
    for fit in fits:
        best.setdefault(fit.prefix, fit)
    return list(best.values())


def ordered_fit(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Fit:
    """Pair the tensors in order, as long as shapes and kinds (weight, bias, …) are equal."""
    sources: dict[str, str] = {}
    theirs = [name for name in tensors if not name.endswith(COUNTER)]
    ours = [name for name in expected if not name.endswith(COUNTER)]
    for name, source in zip(ours, theirs, strict=False):
        if tensors[source].shape != expected[name].shape or _kind(name) != _kind(source):
            break
        sources[name] = source
    missing = tuple(name for name in ours if name not in sources)
    return Fit("", "by the order of shapes alone", sources, missing, {}, (), len(ours))


def described(names: Sequence[str]) -> list[str]:
    """Group names by their first part: `projector.* (6 tensors)`, `fc.weight`."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition(".")[0], []).append(name)
    return [each[0] if len(each) == 1 else f"{key}.* ({len(each)} tensors)" for key, each in groups.items()]


def _roots(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Return what stands before the backbone's first weight in the file, with the names below it."""
    first = next((name for name, value in expected.items() if value.ndim > 1), next(iter(expected)))
    numbered = "0." + first.partition(".")[2]
    prefixes = dict.fromkeys(
        name[: -len(anchor)]
        for anchor in (first, numbered)
        for name in tensors
        if name == anchor or name.endswith("." + anchor)
    )
    return {p: [name[len(p) :] for name in tensors if name.startswith(p)] for p in prefixes}


def _layouts(under: list[str], expected: Mapping[str, Tensor]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield names that a file may have instead of the backbone's, with words for the difference."""
    same = {name: name for name in expected}
    yield "", same
    numbers = sorted({int(first) for name in under if (first := name.partition(".")[0]).isdecimal()})
    children = list(dict.fromkeys(name.partition(".")[0] for name in expected))
    layouts = [("", same)]
    if len(numbers) >= len(children):
        number_of = dict(zip(children, map(str, numbers), strict=False))
        numbered = {n: n.replace(c := n.partition(".")[0], number_of[c], 1) for n in expected}
        in_a_row = numbers[: len(children)] == list(range(len(children)))
        layouts.append((IN_A_ROW if in_a_row else "numbered children", numbered))
        yield layouts[-1]
    if any(".shortcut." in name for name in under):  # CIFAR ResNets of lightly and many others
        for words, names in layouts:
            renamed = {ours: name.replace(".downsample.", ".shortcut.") for ours, name in names.items()}
            yield f"{words} and {SHORTCUTS}".removeprefix(" and "), renamed


def _fit(
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    prefix: str,
    layout: str,
    names: Mapping[str, str],
) -> Fit:
    sources: dict[str, str] = {}
    reshaped: dict[str, str] = {}
    missing: list[str] = []
    for ours, name in names.items():
        there = tensors.get(prefix + name)
        if there is None:
            if not ours.endswith(COUNTER):
                missing.append(ours)
        elif there.shape != expected[ours].shape:
            reshaped[ours] = prefix + name
        else:
            sources[ours] = prefix + name
    total = sum(not name.endswith(COUNTER) for name in expected)
    extra = _further_layers(tensors, prefix, set(names.values()))
    return Fit(prefix, layout, sources, tuple(missing), reshaped, extra, total)


def _further_layers(tensors: Mapping[str, Tensor], prefix: str, known: set[str]) -> tuple[str, ...]:
    """Return unknown tensors in the backbone's own parts, such as a third block's or an attention module's.

    The last linear layer is left out: it is a classifier, which may stand in the same part. So are buffers of
    whole numbers, which older releases stored.
    """
    parts = {name.partition(".")[0] for name in known if "." in name}
    unknown = [n for name in tensors if name.startswith(prefix) and (n := name[len(prefix) :]) not in known]
    linear = [name for name in unknown if tensors[prefix + name].ndim == 2]
    classifier = linear[-1].rpartition(".")[0] + "." if linear else "\n"
    return tuple(
        name
        for name in unknown
        if name.partition(".")[0] in parts
        and tensors[prefix + name].is_floating_point()
        and not name.startswith(classifier)
    )


def _usable(
    tensors: Mapping[str, Tensor], fit: Fit, expected: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], str]:
    """Return copies of the matched tensors in the backbone's types. Raises CheckpointError."""
    weights: dict[str, Tensor] = {}
    converted = ""
    for ours, source in fit.sources.items():
        value, wanted = tensors[source], expected[ours].dtype
        if value.is_meta:
            raise CheckpointError(f"{source} is a meta tensor: the file has its shape, but no values.")
        if value.is_quantized or (wanted.is_floating_point and not value.is_floating_point()):
            raise CheckpointError(
                f"{source} is quantised ({_type(value)}); import the network as it was before quantisation."
            )
        if wanted.is_floating_point and value.dtype != torch.float32:
            converted = _type(value)
        value = value.to_dense() if value.layout != torch.strided else value
        copy = torch.empty(value.shape, dtype=wanted).copy_(value)
        if wanted.is_floating_point and not bool(torch.isfinite(copy).all()):
            raise CheckpointError(f"{source} holds values that are no numbers; its training has diverged.")
        weights[ours] = copy
    for name, value in expected.items():
        if name.endswith(COUNTER) and name not in weights:
            weights[name] = torch.zeros(value.shape, dtype=value.dtype)
    return weights, converted


def _of_network(fits: list[Fit], network: str) -> list[Fit]:
    """Return the fit under a prefix, given whole or in part. Raises CheckpointError listing them."""
    whole = [fit for fit in fits if fit.complete] or fits
    found = [fit for fit in whole if fit.prefix.startswith(network)] or [
        f for f in whole if network in f.prefix
    ]
    if not found:
        names = ", ".join(fit.prefix.rstrip(".") or "(no prefix)" for fit in whole)
        raise CheckpointError(f"The file has no network {network!r} that fits; there are: {names}.")
    return found[:1]


def _preference(prefix: str) -> int:
    return 2 if _PREFERRED.search(prefix) else 0 if _LAST.search(prefix) else 1


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _shape(value: Tensor) -> str:
    return "×".join(map(str, value.shape)) or "a single value"


def _type(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
