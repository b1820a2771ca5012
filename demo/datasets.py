"""Writes the demo datasets: images, lesion masks, marker masks, metadata, and the answer key."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from core.atomic import write_bytes
from core.markers import pack
from demo.cohort import Cohort, Shot, draw_cohort, plant_faults
from demo.drawing.photograph import draw_photograph
from imaging.decode import encode_jpeg, encode_png

FAULTY_LESIONS = {"nv": 190, "mel": 90, "bkl": 80, "bcc": 70, "akiec": 60, "vasc": 50, "df": 50}

# column of metadata.csv -> attribute of a photograph
COLUMNS = {
    "lesion_id": "lesion_id",
    "image_id": "image_id",
    "dx": "label",
    "dx_type": "confirmation",
    "age": "age",
    "sex": "sex",
    "localization": "site",
    "split": "split",
}

# name -> the photographs in it
COHORTS: dict[str, Callable[[], Cohort]] = {
    "demo": lambda: draw_cohort(20, "DEMO"),
    "demo-faulty": lambda: plant_faults(draw_cohort(21, "FAULTY", FAULTY_LESIONS), 21),
}


def write_dataset(name: str, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Draw one of COHORTS into a folder; images from an interrupted run are kept."""
    cohort = COHORTS[name]()
    for part in ("images", "masks", "markers"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    todo = [shot for shot in cohort.shots if not (folder / "images" / f"{shot.image_id}.jpg").exists()]
    done = len(cohort.shots) - len(todo)
    progress(done, len(cohort.shots))
    workers = min(os.cpu_count() or 1, 8)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for n in pool.map(partial(write_shots, folder), [todo[i : i + 16] for i in range(0, len(todo), 16)]):
            done += n
            progress(done, len(cohort.shots))
    if cohort.faults:
        write_bytes(folder / "answer-key.json", json.dumps(cohort.faults, indent=1).encode())
    write_bytes(folder / "metadata.csv", metadata_table(cohort.shots).to_csv(index=False).encode())


def is_complete(folder: Path) -> bool:
    """The table is written last, so a dataset that has one is complete."""
    return (folder / "metadata.csv").exists()


def metadata_table(shots: list[Shot]) -> pd.DataFrame:
    return pd.DataFrame({column: [getattr(shot, attribute) for shot in shots] for column, attribute in COLUMNS.items()})


def write_shots(folder: Path, shots: list[Shot]) -> int:
    cv2.setNumThreads(1)
    for shot in shots:
        picture = draw_photograph(shot.diagnosis, shot.tone, shot.lesion_seed, shot.view, shot.markers, shot.blur)
        lesion = (picture.lesion * 255).astype(np.uint8)
        quality = 80 if shot.copy_of else 92
        write_bytes(folder / "masks" / f"{shot.image_id}_segmentation.png", encode_png(lesion))
        write_bytes(folder / "markers" / f"{shot.image_id}.png", encode_png(pack(picture.markers, picture.lesion.shape)))
        write_bytes(folder / "images" / f"{shot.image_id}.jpg", encode_jpeg(picture.image, quality))
    return len(shots)
