"""Folder tree of a set of image paths, with image counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Folder:
    """A folder with images in it or below it; `path` ends in a slash, and is empty for the root."""

    path: str
    loose: int = 0  # images directly in it
    images: int = 0  # images in it and below it
    folders: dict[str, Folder] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its path, for display."""
        return self.path.rstrip("/") or "the folder itself"

    @property
    def depth(self) -> int:
        """Depth below the root; also the index of a subfolder's name among the path components of an id."""
        return self.path.count("/")

    @property
    def only(self) -> Folder | None:
        """Its only subfolder, if there is exactly one and no image beside it."""
        return next(iter(self.folders.values())) if len(self.folders) == 1 and not self.loose else None

    def innermost(self) -> Folder:
        """Return the folder reached by following `only` as far as possible; may be itself."""
        folder = self
        while folder.only is not None:
            folder = folder.only
        return folder


def tree(ids: Iterable[str]) -> Folder:
    """Return the folder tree of images given by their relative paths."""
    root = Folder("")
    for image_id in ids:
        folder = root
        folder.images += 1
        for part in image_id.split("/")[:-1]:
            inner = folder.folders.get(part)
            if inner is None:
                inner = folder.folders[part] = Folder(f"{folder.path}{part}/")
            folder = inner
            folder.images += 1
        folder.loose += 1
    return root
