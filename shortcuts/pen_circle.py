"""A ring drawn round the lesion with a surgical pen, as it is before an excision."""

import numpy as np

from imaging.fields import smooth_noise, strokes
from shortcuts.dose import Dose, Drawn, blend

PENS = {"purple": (96, 52, 128), "blue": (42, 62, 140), "black": (34, 32, 38)}
THICK = 0.016  # of the picture's shorter side
WOBBLE = 0.07  # of the radius, by which a hand strays outwards
KINDS = {"closed": [(0.0, 6.5)], "open": [(0.0, 5.4)], "dashed": [(k * 0.7, k * 0.7 + 0.45) for k in range(9)]}  # radians


def draw(image: np.ndarray, place: np.ndarray, length: float, dose: Dose, rng: np.random.Generator) -> Drawn:
    """length: the ring's radius in pixels, nowhere smaller, so that it clears a lesion that reaches less far."""
    size = image.shape[:2]
    thick = max(1, round(THICK * min(size)))
    start, phase, stray = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi, 3), rng.dirichlet((1, 1, 1))
    lines = []
    for first, last in KINDS[str(dose.kind)]:
        t = np.linspace(start + first, start + last, 90)
        wave = sum(part * (1 + np.sin((k + 1) * t + phase[k])) / 2 for k, part in enumerate(stray))
        lines.append(place + (length + thick / 2) * (1 + WOBBLE * wave)[:, None] * np.stack([np.cos(t), np.sin(t)], 1))
    field = strokes(size, lines, [thick] * len(lines), max(0.5, thick / 5))
    grain = (0.85 + 0.15 * smooth_noise(rng, size, max(1.5, thick))).clip(0.4, 1)
    colour = np.array(PENS[str(dose.colour)], np.float32) * rng.uniform(0.9, 1.1)
    return blend(image, 0.75 * colour + 0.25 * image * colour / 255, field * grain * dose.strength), field > 0.3
