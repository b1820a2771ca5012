"""One folder per class, or train/val/test folders of such."""

import pandas as pd

from datasets.files import Listing, stem
from datasets.tables import Raw, split_name


def read(listing: Listing) -> Raw | None:
    rows = []
    for file in listing.pictures:
        folders = file.split("/")[:-1]
        split = next((s for s in map(split_name, folders) if s), None)
        classes = [f for f in folders if not split_name(f)]
        rows.append((file, classes[-1] if classes else None, split))
    frame = pd.DataFrame(rows, columns=["file", "diagnosis", "split"])
    labels = frame["diagnosis"].dropna().unique()
    if len(labels) < 2 or frame["diagnosis"].isna().mean() > 0.5:
        return None
    names = frame["file"].map(stem)
    doubled = names.duplicated(keep=False)
    frame["image_id"] = names.where(~doubled, frame["file"])
    return Raw(frame, {"image_id": "image_id", "diagnosis": "diagnosis", "split": "split"}, "folders")
