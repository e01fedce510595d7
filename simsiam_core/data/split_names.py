"""Folder names that mean a split: `train`, `Test`, `valid`, `train_set`, `val2017`, `seg_train` etc."""

from __future__ import annotations

import re
from dataclasses import dataclass

TRAIN, TEST, VALIDATION = "train", "test", "validation"
_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("test", "testing", "tst"), TEST),
    **dict.fromkeys(("val", "valid", "validation", "validate", "eval", "evaluation", "dev"), VALIDATION),
}
# Words beside a split word that are ignored.
_FILLER_WORDS = (
    "set sets image images img imgs picture pictures pic pics photo photos data dataset split folder dir "
    "sample samples jpg jpeg png"
)
_FILLERS = frozenset(_FILLER_WORDS.split())
_JOINED = re.compile(f"({'|'.join(sorted(_WORDS, key=len, reverse=True))})({'|'.join(sorted(_FILLERS))})")
_TOKEN = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class SplitName:
    """The split a folder name means, and its unrelated words, such as `seg` in `seg_train`."""

    role: str
    rest: tuple[str, ...] = ()


def split_name(name: str) -> SplitName | None:
    """Return the split that a folder name means, ignoring case; None if it means none, or several."""
    words = _TOKEN.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    tokens: list[str] = []
    for word in map(str.casefold, words):
        joined = _JOINED.fullmatch(word)
        tokens += joined.groups() if joined else (word,)
    roles = [_WORDS[token] for token in tokens if token in _WORDS]
    rest = tuple(token for token in tokens if token not in _WORDS and token not in _FILLERS)
    return SplitName(roles[0], rest) if len(roles) == 1 else None


def is_wrapper_name(name: str) -> bool:
    """Return whether a folder name is generic: `images`, `data`, or a split name."""
    words = _TOKEN.findall(name.casefold())
    return split_name(name) is not None or (bool(words) and _FILLERS.issuperset(words))
