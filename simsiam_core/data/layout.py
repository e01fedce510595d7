"""Folder layout recognition: from relative image paths to splits and classes, with notes for the user."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from simsiam_core.data.left_out import NAMED, LeftOut, listed
from simsiam_core.data.parts import Part, Parts, recognise
from simsiam_core.data.split_names import TEST, TRAIN, split_name
from simsiam_core.data.tree import Folder, tree


@dataclass
class Layout:
    """The ids of each split in input order, and the class of each id; without classes there are no labels.

    `why` is a sentence on what was recognised, `notes` are further sentences for the user.
    """

    train: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    class_of: dict[str, str] = field(default_factory=dict)
    why: str = ""
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """Class names, sorted."""
        return sorted(set(self.class_of.values()))


def understand(ids: Sequence[str]) -> Layout:
    """Assign images to splits and classes by their folders; fewer than two classes mean no labels."""
    root = tree(ids)
    parts = recognise(root)
    names = {name for part in parts.used for name in part.holder.folders}
    labelled = len(names) > 1 and any(part.holder.folders for part in parts.used if part.split == TRAIN)
    layout = Layout(left_out=list(parts.left_out), notes=list(parts.notes))
    by_path = {part.folder.path: part for part in parts.used}
    places: dict[str, _Place] = {}  # by folder: all images directly in it are treated the same
    for image_id in ids:
        folder = image_id[: image_id.rfind("/") + 1]
        place = places.get(folder)
        if place is None:
            place = places[folder] = _place(folder, by_path, parts, labelled)
        if place.split is not None:
            (layout.train if place.split == TRAIN else layout.test).append(image_id)
            if place.name is not None:
                layout.class_of[image_id] = place.name
        elif place.reason is not None:
            layout.left_out.append(LeftOut(image_id, place.reason))
    layout.left_out += _folders_without_classes(parts, labelled)
    layout.why = _why(root, parts, labelled)
    layout.notes += _notes(parts, labelled, sorted(names))
    return layout


@dataclass(frozen=True)
class _Place:
    """The split and class of a folder's images, if any; `split` None means that they are left out.

    `reason` is why each image is left out; None if the folder is reported as a whole elsewhere.
    """

    split: str | None = None
    name: str | None = None
    reason: str | None = None


def _place(folder: str, by_path: dict[str, Part], parts: Parts, labelled: bool) -> _Place:
    path = folder
    while path not in by_path and path:
        path = path[: path.rfind("/", 0, -1) + 1]
    part = by_path.get(path)
    if part is None:
        return _Place(reason=parts.beside if folder == parts.base.path else None)
    if not labelled:
        return _Place(part.split)
    if not part.holder.folders:
        return _Place()
    below = folder.removeprefix(part.holder.path)
    if not below or not folder.startswith(part.holder.path):
        return _Place(reason="beside the class folders, so without a class")
    return _Place(part.split, below.split("/")[0])


def _folders_without_classes(parts: Parts, labelled: bool) -> list[LeftOut]:
    without = [p.folder for p in parts.used if labelled and not p.holder.folders]
    return [LeftOut(f.path, "images in no class folder", f.images) for f in without]


def _why(root: Folder, parts: Parts, labelled: bool) -> str:
    if parts.below_classes:
        return "Every class folder has its own training and test folder."
    if parts.used[0].folder is not parts.base:
        used = [p for p in parts.used if p.holder.folders or not labelled]
        train, test = (listed(p.folder.name for p in used if p.split == split) for split in (TRAIN, TEST))
        return f"Training images are those in {train}" + (f", test images those in {test}." if test else ".")
    below = f" in {parts.base.name}" if parts.base is not root else ""
    return f"The folders{below} are the classes." if len(parts.base.folders) > 1 else ""


def _notes(parts: Parts, labelled: bool, names: list[str]) -> list[str]:
    if not labelled:
        return [_no_labels(parts, names)]
    notes = [
        f"{name} holds folders of its own ({listed(inner)}); all images in them are of class {name}."
        + (f" For these as splits, give the folder {name} itself." if _looks_split(inner) else "")
        for name, inner in _nested(parts)[:NAMED]
    ]
    same = defaultdict(list)
    for name in names:
        same[name.casefold()].append(name)
    return notes + [
        f"{listed(alike)} differ only in case and are {len(alike)} classes; rename one if they are the same."
        for alike in same.values()
        if len(alike) > 1
    ]


def _nested(parts: Parts) -> list[tuple[str, list[str]]]:
    """Return class folders that contain folders, with the names of those."""
    inner: dict[str, set[str]] = defaultdict(set)
    for part in parts.used if not parts.below_classes else ():
        for name, folder in part.holder.folders.items():
            inner[name] |= set(folder.folders)
    return [(name, sorted(found)) for name, found in sorted(inner.items()) if found]


def _looks_split(names: Iterable[str]) -> bool:
    return TRAIN in {found.role for name in names if (found := split_name(name))}


def _no_labels(parts: Parts, names: list[str]) -> str:
    if len(names) > 1:
        return "The training images lie in no class folders, so there are no labels."
    if names:
        holder = next(part.holder for part in parts.used if part.holder.folders)
        inner = holder.folders[names[0]].folders
        sentence = f"{names[0]} is the only class folder, and labels need two or more, so there are none."
        if len(inner) > 1 and holder.loose:
            sentence += f" For {listed(sorted(inner))} as classes, take the images beside it away."
        return sentence
    if parts.base.depth and parts.used[0].folder is parts.base:
        return f"All images lie in one folder, {parts.base.name}; labels need two or more, so there are none."
    return "There are no class folders, so there are no labels."
