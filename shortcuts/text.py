"""Letters or figures in a photograph: burnt in, as a date stamp, a patient's number or letters, or on a paper label."""

import cv2
import numpy as np

from shortcuts.dose import Dose, Drawn, blend

COLOURS = {"white": (244, 244, 240), "orange": (250, 150, 40), "black": (14, 14, 16)}
KINDS = ("date", "number", "letters", "label")
PAPER, WRITING = np.array((246, 246, 242), np.float32), np.array((18, 18, 20), np.float32)  # of a label
LETTERS = np.array(list("ABCDEFGHKLMNPRSTUVWXZ"))
FONT, FINE = cv2.FONT_HERSHEY_SIMPLEX, 8  # times larger than it is shown: small figures keep their shape


def draw(image: np.ndarray, place: np.ndarray, length: float, dose: Dose, rng: np.random.Generator) -> Drawn:
    """length: half the width of the line of text in pixels; strength: how much of the skin the letters cover."""
    line = _line(str(dose.kind), rng)
    (wide, _), _ = cv2.getTextSize(line, FONT, 1.0, 2)
    scale = FINE * 2 * length / wide
    (wide, tall), below = cv2.getTextSize(line, FONT, scale, thick := max(1, round(2.2 * scale)))
    fine = np.zeros((tall + below + 2 * thick, wide + 2 * thick), np.uint8)
    cv2.putText(fine, line, (thick, tall + thick), FONT, scale, 255, thick, cv2.LINE_AA)
    # the middle of the line comes to lie on the place
    move = np.array([[1 / FINE, 0, place[0] - fine.shape[1] / FINE / 2], [0, 1 / FINE, place[1] - fine.shape[0] / FINE / 2]])
    soft = cv2.GaussianBlur(fine.astype(np.float32) / 255, (0, 0), FINE / 2)  # as the enlargement is undone
    field = cv2.warpAffine(soft, move, image.shape[1::-1], flags=cv2.INTER_LINEAR)
    if dose.kind == "label":
        paper = np.zeros(image.shape[:2], np.float32)
        half = np.array([length, 0.5 * tall / FINE]) + 0.4 * tall / FINE
        first, last = (tuple(int(v) for v in np.round(8 * (place + way * half))) for way in (-1, 1))
        cv2.rectangle(paper, first, last, 1.0, -1, cv2.LINE_AA, shift=3)
        under = blend(image, np.ones_like(image) * PAPER, paper * dose.strength)
        return blend(under, np.ones_like(image) * WRITING, field * dose.strength), paper > 0.5
    colour = np.array(COLOURS[str(dose.colour)], np.float32)
    return blend(image, np.ones_like(image) * colour, field * dose.strength), field > 0.25


def _line(kind: str, rng: np.random.Generator) -> str:
    if kind == "date":
        return f"{rng.integers(1, 29):02}.{rng.integers(1, 13):02}.{rng.integers(2004, 2025)}"
    if kind == "label":
        return f"No. {rng.integers(1000, 10_000)}"
    return f"{rng.integers(10_000_000):07}" if kind == "number" else "".join(rng.choice(LETTERS, 3))
