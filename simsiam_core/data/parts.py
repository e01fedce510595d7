"""Detection of train and test folders by name, confirmed by the folder structure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simsiam_core.data.left_out import LeftOut
from simsiam_core.data.split_names import TEST, TRAIN, VALIDATION, is_wrapper_name, split_name
from simsiam_core.data.tree import Folder


@dataclass(frozen=True)
class Part:
    """A folder whose images belong to one split, TRAIN or TEST; the folders in `holder` are its classes."""

    folder: Folder
    split: str
    holder: Folder


@dataclass(frozen=True)
class Parts:
    """The folders used and those left out. `beside` is why loose images in `base` are not used."""

    base: Folder
    used: tuple[Part, ...]
    left_out: tuple[LeftOut, ...] = ()
    beside: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def below_classes(self) -> bool:
        """Whether the splits are subfolders of the classes, instead of the other way round."""
        return all(p.holder is self.base and p.folder is not self.base for p in self.used)


def recognise(root: Folder) -> Parts:
    """Find the splits among the folders below `root`; if there are none, all images are training images.

    Descends while there is only a single folder. A folder named `train` is a split if a folder named like a
    test or validation split is beside it. Otherwise it is a split if it contains class folders and the
    folders beside it are not classes of the same kind (`train`, `bus` and `car` with images in each are
    vehicles). Without `train`, a test split needs a validation split beside it, or one folder with class
    folders of the same names.
    """
    base = root.innermost()
    return _below_classes(base) or _beside_each_other(base) or Parts(base, (Part(base, TRAIN, base),))


def _beside_each_other(base: Folder) -> Parts | None:
    roles: dict[str, list[Folder]] = {TRAIN: [], TEST: [], VALIDATION: []}
    rest = _common_rest(base)
    for name, folder in base.folders.items():
        if (named := split_name(name)) and named.rest == rest:
            roles[named.role].append(folder)
    train, test, validation = roles[TRAIN], roles[TEST], roles[VALIDATION]
    others = [f for f in base.folders.values() if f not in [*train, *test, *validation]]
    if train and (test or validation or _holds_classes(train, others)):
        return _parts(base, train, test, validation, others)
    if train or not (test or validation):
        return None
    if test and validation and not others:
        note = f"There is no training folder: {_names(validation)} is trained on."
        return _parts(base, validation, test, [], [], note)
    if len(others) == 1 and len(_classes(others) & _classes([*test, *validation])) > 1:
        note = f"{others[0].name} has class folders like {_names(test or validation)}: it is trained on."
        return _parts(base, others, test, validation, [], note)
    return None


def _common_rest(base: Folder) -> tuple[str, ...]:
    """Return the extra words in the split names: none, or those shared by `train` and another split."""
    rests: dict[tuple[str, ...], set[str]] = {}
    for named in filter(None, map(split_name, base.folders)):
        rests.setdefault(named.rest, set()).add(named.role)
    whole = [rest for rest, roles in rests.items() if TRAIN in roles and len(roles) > 1]
    return () if () in rests or not whole else min(whole)


def _holds_classes(train: list[Folder], others: list[Folder]) -> bool:
    """Return whether training folders are a split although there is no test split: see `recognise`."""
    if not others:
        return True
    classes = _classes(train)
    if len(classes) < 2 or any(folder.loose for folder in train):
        return False
    return any(classes & set(f.folders) for f in others) or (len(others) == 1 and not others[0].folders)


def _parts(
    base: Folder,
    train: list[Folder],
    test: list[Folder],
    validation: list[Folder],
    others: list[Folder],
    *notes: str,
) -> Parts:
    """Return the splits; validation serves as the test split if that is missing or lacks classes."""
    holders = _holders([*train, *test, *validation])
    labelled = any(holders[f.path].folders for f in train)
    choices = [part for part in (test, validation) if part]
    tested = next((p for p in choices if any(holders[f.path].folders for f in p)), []) if labelled else []
    tested = tested or next(iter(choices), [])
    left_out = [LeftOut(f.path, "beside the splits and none of them", f.images) for f in others]
    for part in choices:
        if part is not tested:
            reason = f"{_names(tested)} is used for testing instead"
            left_out += [LeftOut(f.path, reason, f.images) for f in part]
    used = [Part(f, TRAIN, holders[f.path]) for f in train] + [Part(f, TEST, holders[f.path]) for f in tested]
    return Parts(base, tuple(used), tuple(left_out), "beside the splits", notes)


def _holders(splits: list[Folder]) -> dict[str, Folder]:
    """Return the parent of each split's class folders: the split, or a wrapper in it (`train/images/cat`)."""
    found = {f.path: f for f in splits}
    for path, folder in found.items():
        while (inner := folder.only) and inner.folders and is_wrapper_name(inner.path.split("/")[-2]):
            folder = inner
        found[path] = folder
    while len(_classes(found.values())) == 1 and all(f.only and f.only.folders for f in found.values()):
        found = {path: f.only for path, f in found.items() if f.only}
    return found


def _below_classes(base: Folder) -> Parts | None:
    """Find splits inside every class folder (`cat/train`, `cat/test`), with nothing else beside them."""
    used: list[tuple[Folder, str]] = []
    for folder in base.folders.values():
        named = [(inner, split_name(name)) for name, inner in folder.folders.items()]
        roles = [(inner, found.role) for inner, found in named if found]
        if folder.loose or len(roles) < len(named) or TRAIN not in {role for _, role in roles}:
            return None
        used += roles
    present = {role for _, role in used}
    if base.loose or len(base.folders) < 2 or len(present) < 2:
        return None
    tested = TEST if TEST in present else VALIDATION
    left_out = [
        LeftOut(f.path, "the class's test images are used instead", f.images)
        for f, role in used
        if role not in (TRAIN, tested)
    ]
    parts = [Part(f, TRAIN if role == TRAIN else TEST, base) for f, role in used if role in (TRAIN, tested)]
    return Parts(base, tuple(parts), tuple(left_out))


def _classes(folders: Iterable[Folder]) -> set[str]:
    return {name for folder in folders for name in folder.folders}


def _names(folders: Iterable[Folder]) -> str:
    return " and ".join(folder.name for folder in folders)
