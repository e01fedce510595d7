"""What a foreign file holds: its tensors under dotted names, and the plain values beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

# Keys of training state in the outer dicts; its tensors may have the shapes of weights.
_NOT_WEIGHTS = ("optim", "lr_sched", "sched", "scaler", "grad_scaler", "amp", "rng", "loops")
_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")  # anywhere in a name
_PARTS_OF_MODULES = ("_parameters", "_buffers", "_modules")
MAX_DEPTH = 12  # of nested dicts
PLAIN = (str, int, float, bool)


@dataclass(frozen=True, eq=False)
class ForeignFile:
    """The content of a file written by another program, on the CPU."""

    name: str  # of the file, without its folder
    sha256: str
    tensors: Mapping[str, Tensor]  # in the file's order; names of nested dicts are joined with dots
    plain: Mapping[str, Any] = field(
        default_factory=dict
    )  # strings, numbers and lists of them, named likewise
    placeholders: tuple[str, ...] = ()  # classes in the file that were replaced with empty ones


class Placeholder:
    """Stands for an object of an unknown class: it keeps the state it is given and does nothing with it."""

    state: Any = None

    def __new__(cls, *_: Any, **__: Any) -> Placeholder:
        """Create one, whatever the arguments are."""
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def flattened(content: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the plain values of nested dicts, without optimisers and wrappers of modules."""
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {}
    _flatten(content, "", 0, tensors, plain)
    return tensors, plain


def _flatten(value: Any, name: str, depth: int, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
    if isinstance(value, Placeholder):
        value = value.state
    if isinstance(value, Tensor):
        tensors[_unwrapped(name)] = value.detach()
    elif isinstance(value, Mapping) and depth < MAX_DEPTH:
        for key, inner in value.items():
            if key in _PARTS_OF_MODULES:  # a whole module was saved instead of its state dict
                _flatten(inner, name, depth, tensors, plain)
            elif isinstance(key, str) and not _is_training_state(key, depth):
                _flatten(inner, f"{name}.{key}" if name else key, depth + 1, tensors, plain)
    elif isinstance(value, PLAIN) or (
        isinstance(value, list | tuple) and all(isinstance(v, PLAIN) for v in value)
    ):
        plain[name] = value


def _is_training_state(key: str, depth: int) -> bool:
    return depth <= 1 and "." not in key and key.lower().startswith(_NOT_WEIGHTS)


def _unwrapped(name: str) -> str:
    for wrapper in _WRAPPERS:
        name = name.replace(wrapper, "")
    return name
