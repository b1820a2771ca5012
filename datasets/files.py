"""One walk over a dataset's folder: images, masks, tables and JSON files, none of them opened."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from core.errors import DatasetError
from core.regular import showable, shown
from imaging.decode import SUFFIXES

MAX_FILES = 2_000_000  # entries of all folders together
MAX_DEPTH = 32  # folders within folders

Unusable = Literal["outside", "dangling", "loop", "folder link", "special", "name", "deep", "closed"]

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
    unusable: dict[Unusable, list[str]] = field(default_factory=dict)  # why an entry is left out -> such entries, as they can be shown

    refused: dict[str, str] = field(default_factory=dict)  # table -> why it cannot be read

    def leave_out(self, why: Unusable, relative: str) -> None:
        self.unusable.setdefault(why, []).append(shown(relative))

    def by_stem(self) -> dict[str, list[str]]:
        """Images by lower-case file name without suffix."""
        found: dict[str, list[str]] = {}
        for picture in self.pictures:
            found.setdefault(stem(picture).lower(), []).append(picture)
        return found


def stem(file: str) -> str:
    return file.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def list_files(root: Path) -> Listing:
    """Walks the folder; what cannot be used is noted with the reason, and the walk goes on.

    Links are followed to files within the folder only. Raises DatasetError if the folder cannot be listed or holds too much.
    """
    listing = Listing(root)
    inside = os.path.realpath(root)
    for relative, entry in _walk(listing):
        why = _left_out(entry, inside)
        if why is not None:
            listing.leave_out(why, relative)
            continue
        name = entry.name.lower()
        if name.endswith(SUFFIXES):
            _sort_picture(listing, relative, entry)
        elif name.endswith(_TABLES):
            listing.tables.append(relative)
        elif name.endswith(".json"):
            listing.jsons.append(relative)
    return listing


def _walk(listing: Listing) -> Iterator[tuple[str, os.DirEntry]]:
    """Everything but folders, which are listed in turn; hidden entries are none of a dataset's."""
    count = 0

    def below(folder: str, prefix: str, depth: int) -> Iterator[tuple[str, os.DirEntry]]:
        nonlocal count
        try:
            with os.scandir(folder) as found:
                entries = sorted(islice(found, MAX_FILES + 1), key=lambda e: e.name)
        except OSError as error:
            if not depth:
                raise DatasetError(f"cannot be listed ({error.strerror}).", str(folder)) from error
            listing.leave_out("closed", prefix[:-1])
            return
        count += len(entries)
        if count > MAX_FILES:
            raise DatasetError(f"contains more than {MAX_FILES:,} files.", str(listing.root), "Choose a subfolder.")
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not showable(entry.name):
                listing.leave_out("name", prefix + entry.name)
            elif not entry.is_dir(follow_symlinks=False):
                yield prefix + entry.name, entry
            elif depth == MAX_DEPTH:
                listing.leave_out("deep", prefix + entry.name)
            else:
                yield from below(entry.path, f"{prefix}{entry.name}/", depth + 1)

    yield from below(str(listing.root), "", 0)


def _left_out(entry: os.DirEntry, inside: str) -> Unusable | None:
    """Why an entry that is no folder cannot be used; None for a regular file of this folder, linked or not."""
    if entry.is_file(follow_symlinks=False):
        return None
    if not entry.is_symlink():
        return "special"
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        return "loop" if error.errno == errno.ELOOP else "dangling"
    if not Path(os.path.realpath(entry.path)).is_relative_to(inside):
        return "outside"
    return None if stat.S_ISREG(mode) else "folder link" if stat.S_ISDIR(mode) else "special"


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
        if entry.stat().st_size == 0:  # a link is followed
            listing.empty.append(relative)
