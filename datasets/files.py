"""One walk over a dataset's folder: images, masks, tables and JSON files, none of them opened."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import DatasetError
from imaging.decode import SUFFIXES

MAX_FILES = 2_000_000
_MASK_ENDINGS = ("_segmentation", "_mask", "_lesion")
_NOT_PICTURES = ("_superpixels", "_attribute")
_MASK_FOLDERS = {"masks", "mask", "segmentation", "segmentations", "lesion_masks"}
_MARKER_FOLDERS = {"markers", "marker_masks"}
_TABLES = (".csv", ".tsv", ".parquet", ".txt")


@dataclass
class Listing:
    """The files below a folder; all paths relative to it, with / between the parts."""

    root: Path
    pictures: list[str] = field(default_factory=list)
    masks: dict[str, str] = field(default_factory=dict)
    marker_masks: dict[str, str] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    jsons: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def by_stem(self) -> dict[str, list[str]]:
        """Images by lower-case file name without suffix."""
        found: dict[str, list[str]] = {}
        for picture in self.pictures:
            found.setdefault(stem(picture).lower(), []).append(picture)
        return found


def stem(file: str) -> str:
    return file.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def list_files(root: Path) -> Listing:
    """Walks the folder; links that lead out of it are noted and not followed."""
    listing = Listing(root)
    inside = root.resolve()
    for count, (relative, entry) in enumerate(_walk(root, "")):
        if count > MAX_FILES:
            raise DatasetError(f"contains more than {MAX_FILES:,} files.", str(root), "Choose a subfolder.")
        if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(inside):
            listing.outside.append(relative)
            continue
        name = entry.name.lower()
        if name.endswith(SUFFIXES):
            _sort_picture(listing, relative, entry)
        elif name.endswith(_TABLES):
            listing.tables.append(relative)
        elif name.endswith(".json"):
            listing.jsons.append(relative)
    return listing


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError as error:
        raise DatasetError(f"cannot be listed ({error.strerror}).", str(folder)) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
        elif entry.is_file() or entry.is_symlink():
            yield prefix + entry.name, entry


def _sort_picture(listing: Listing, relative: str, entry: os.DirEntry) -> None:
    own = stem(relative)
    folders = {part.lower() for part in relative.split("/")[:-1]}
    ending = next((e for e in _MASK_ENDINGS if own.lower().endswith(e)), None)
    if own.lower().endswith(_NOT_PICTURES):
        return
    if folders & _MARKER_FOLDERS:
        listing.marker_masks[own] = relative
    elif ending or folders & _MASK_FOLDERS:
        listing.masks[own[: -len(ending)] if ending else own] = relative
    else:
        listing.pictures.append(relative)
        if entry.stat().st_size == 0:
            listing.empty.append(relative)
