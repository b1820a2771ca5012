"""The cost of the shortcut tests relative to the bare forward passes of their images: MobileNetV2 at 224 pixels, random weights."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.explain import bare_forward, bench_classifier
from benchmarks.files import SIZE, write_dataset
from benchmarks.ratios import Row, compare_costs
from core.runs import finish
from models.network import import_tensorflow
from shortcuts.controls import elsewhere
from shortcuts.dose import Dose
from shortcuts.drawing import draw_marker
from shortcuts.experiment import Trial, trials
from shortcuts.filling import fill, widened
from shortcuts.plan import Plan
from shortcuts.run import run_dataset
from shortcuts.subjects import fit, outline

MARKERS = ("ink", "sticker", "ruler")
PHOTOGRAPHS = 144


def bench_shortcuts(say: Callable[[str], None]) -> list[Row]:
    """One photograph with all its experiments, and a dataset of them, over the forward passes of the same images."""
    import_tensorflow()
    say("MobileNetV2")
    classifier = bench_classifier("MobileNetV2")
    forward = bare_forward(classifier)
    photographs = [_photograph(k) for k in range(PHOTOGRAPHS)]

    def one() -> int:
        subject = fit(classifier.card, outline(photographs[0]))
        found = trials(subject, MARKERS, "telea", np.random.default_rng(0))
        pictures = [subject.image, *(p for t in found if isinstance(t, Trial) for p in (t.changed, t.control))]
        classifier.predict(classifier.scale(np.stack(pictures)))
        return len(pictures)

    n = one()
    many = np.random.default_rng(0).random((n, 224, 224, 3), np.float32)
    rows = [
        compare_costs(f"one photograph: markers found, {n // 2} experiments, over {n} forward passes", one, lambda: forward(many), 11, 3.0)
    ]
    with tempfile.TemporaryDirectory() as folder:
        data, plan = write_dataset(Path(folder), photographs), Plan(MARKERS, PHOTOGRAPHS)
        ids = data.table["image_id"].tolist()
        table = finish(run_dataset(classifier, data, ids, plan, {}))
        tried = int((table["reason"] == "").sum())
        answered = int(table[["changed", "control", "lent", "scrambled"]].notna().sum().sum())
        batch = np.random.default_rng(0).random((32, 224, 224, 3), np.float32)
        removed = int(((table["reason"] == "") & (table["direction"] == "removal")).sum())
        image, mask = _inpainted(classifier.card.size)

        def bare() -> None:
            for _ in range(-(-(2 * len(ids) + answered) // 32)):  # each image whole and cropped; each trial's pictures
                forward(batch)
            for _ in range(2 * removed):
                fill(image, mask, "telea", np.random.default_rng(0))

        rows.append(
            compare_costs(
                f"{len(ids)} photographs, {tried} experiments from JPEG files over forward passes and inpainting",
                lambda: finish(run_dataset(classifier, data, ids, plan, {})),
                bare,
                3,
                1.3,
            )
        )
    return rows


def _photograph(seed: int) -> np.ndarray:
    """Skin with a lesion, and ink beside it in every second image."""
    rng = np.random.default_rng(seed)
    image = np.clip(np.array([205, 160, 140]) + rng.normal(0, 4, (*SIZE, 3)), 0, 255).astype(np.uint8)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    lesion = np.hypot(x - 300, y - 225) < 80
    image[lesion] = np.array([120, 80, 60]) + rng.integers(-9, 9, (int(lesion.sum()), 3))
    drawn = draw_marker(image, Dose("ink"), lesion, rng) if seed % 2 == 0 else None
    return drawn[0] if drawn is not None else image


def _inpainted(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    drawn = draw_marker(image, Dose("ink", at=(0.2, 0.2)), None, np.random.default_rng(0))
    assert drawn is not None
    place = elsewhere(drawn[1], (size[1] / 2, size[0] / 2), np.zeros(size, bool), np.random.default_rng(0))
    return image, widened(place if place is not None else drawn[1])
