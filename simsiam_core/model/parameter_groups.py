"""Groups of a backbone's parameters: those that weight decay leaves alone."""

from __future__ import annotations

from fnmatch import fnmatchcase

from torch import nn

# Last parts of the names that libraries give to tokens and position embeddings.
EMBEDDINGS = ("*token", "*tokens", "pos_embed*", "*position*")


def undecayed_parameters(backbone: nn.Module) -> set[str]:
    """Return the names of a backbone's tokens and position embeddings, and of what it exempts from weight decay.

    The latter is the `no_weight_decay()` of timm's networks: names, or patterns of names.
    """
    method = getattr(backbone, "no_weight_decay", None)
    exempt = tuple(method()) if callable(method) else ()
    return {
        name
        for name, _ in backbone.named_parameters()
        if any(fnmatchcase(name, pattern) for pattern in exempt)
        or any(fnmatchcase(name.rpartition(".")[2], pattern) for pattern in EMBEDDINGS)
    }
