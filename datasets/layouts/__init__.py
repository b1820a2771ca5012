"""How datasets are laid out on disk: each layout is a file with `read(listing) -> Raw | None`, the first to recognise a folder wins."""

from collections.abc import Callable

from datasets.files import Listing
from datasets.layouts import class_folders, isic_challenge, isic_json, metadata_table
from datasets.tables import Raw

LAYOUTS: dict[str, Callable[[Listing], Raw | None]] = {
    "isic-challenge": isic_challenge.read,
    "ham10000": metadata_table.read_ham10000,
    "isic-cli": metadata_table.read_isic_cli,
    "isic-json": isic_json.read,
    "class-folders": class_folders.read,
    "table": metadata_table.read_any,
}

NAMES: dict[str, str] = {
    "isic-challenge": "ISIC challenge (ground truth and metadata tables)",
    "ham10000": "HAM10000 (metadata table and image folders)",
    "isic-cli": "isic-cli download (metadata.csv and images)",
    "isic-json": "ISIC archive (a JSON file beside each image)",
    "class-folders": "one folder per class",
    "table": "a table and images",
}
