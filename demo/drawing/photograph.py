"""One photograph of one lesion: skin, lesion, markers, light."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.markers import MARKERS
from demo.drawing import lesions, markers
from demo.drawing.skin import draw_skin
from imaging.fields import smooth_noise
from shortcuts.dose import Dose
from shortcuts.drawing import draw_marker

SIZE = (240, 320)  # height, width in pixels


@dataclass(frozen=True)
class Photograph:
    """image uint8 (H, W, 3); lesion bool (H, W); markers: name -> bool (H, W)."""

    image: np.ndarray
    lesion: np.ndarray
    markers: dict[str, np.ndarray]


def draw_photograph(diagnosis: str, tone: str, lesion_seed: int, view: int = 0, wanted: Sequence[str] = (), blur: float = 0) -> Photograph:
    """The same lesion_seed is the same lesion; another view turns, shifts and zooms it in other light.

    wanted: markers to draw over it; those the demo has no drawing of are drawn as the shortcut lab does, where it finds room.
    blur: standard deviation in pixels of a camera out of focus.
    """
    body = np.random.default_rng([lesion_seed, 1])
    camera = np.random.default_rng([lesion_seed, 2, view])
    shape = lesions.draw_outline(body, diagnosis, SIZE)
    image = lesions.draw_lesion(body, draw_skin(body, SIZE, tone), shape, diagnosis)
    pose = cv2.getRotationMatrix2D(
        (SIZE[1] / 2 + camera.normal(0, 8), SIZE[0] / 2 + camera.normal(0, 8)),
        camera.uniform(-35, 35) if view else 0.0,
        camera.uniform(0.9, 1.15),
    )
    pose[:, 2] += camera.normal(0, 7, 2)
    image = cv2.warpAffine(image, pose, SIZE[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    lesion = cv2.warpAffine(shape.mask.astype(np.uint8), pose, SIZE[::-1], flags=cv2.INTER_NEAREST) > 0
    masks: dict[str, np.ndarray] = {}
    for number, (marker, draw) in enumerate(markers.DRAW.items()):
        if marker in wanted:  # each from numbers of its own, so that a marker more changes nothing else
            image, masks[marker] = draw(np.random.default_rng([lesion_seed, 4, view, number]), image, lesion)
    for marker in [m for m in MARKERS if m in wanted and m not in markers.DRAW]:
        rng = np.random.default_rng([lesion_seed, 5, view, MARKERS[marker].bit])
        drawn = draw_marker(np.clip(image, 0, 255).astype(np.uint8), Dose(marker), lesion, rng)
        if drawn is not None:
            image, masks[marker] = drawn[0].astype(np.float32), drawn[1]
    light = 1 + 0.05 * smooth_noise(camera, SIZE, 160) + camera.normal(0, 0.03)
    image = image * light[..., None] * camera.normal(1, 0.015, 3)
    image = cv2.GaussianBlur(image, (0, 0), 0.6 + blur) + camera.normal(0, 1.5, (*SIZE, 3))
    return Photograph(np.clip(image, 0, 255).astype(np.uint8), lesion, masks)
