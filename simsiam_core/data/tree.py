"""The folders of somebody's images, with how many lie in each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Folder:
    """A folder with images in it or below it; `path` ends in a slash, and is empty for the root."""

    path: str
    loose: int = 0  # images that lie directly in it
    images: int = 0  # in it and below it
    folders: dict[str, Folder] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its path, to be shown."""
        return self.path.rstrip("/") or "the folder itself"

    @property
    def depth(self) -> int:
        """How many folders one went down to it; the part of an id that is the name of a folder in it."""
        return self.path.count("/")

    @property
    def only(self) -> Folder | None:
        """The single folder in it, if there is no other and no image beside it."""
        return next(iter(self.folders.values())) if len(self.folders) == 1 and not self.loose else None

    def innermost(self) -> Folder:
        """Return itself, or what one comes to by going down while there is a single folder and no image beside it."""
        folder = self
        while folder.only is not None:
            folder = folder.only
        return folder


def tree(ids: Iterable[str]) -> Folder:
    """Return the folders of images, by their relative paths."""
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
