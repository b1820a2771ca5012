"""What takes the place of a marker that is removed: skin, as far as the picture itself knows it."""

from collections.abc import Callable

import cv2
import numpy as np

from core.markers import MARKERS, RIM

FRAME = 0.03  # of each side, where texture is not borrowed from: scans often end in a dark line
REACH = 3  # pixels around each point that the inpainting looks at


def telea(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fast marching (Telea 2004, doi:10.1080/10867651.2004.10487596)."""
    return cv2.inpaint(image, mask.astype(np.uint8), REACH, cv2.INPAINT_TELEA)


def navier_stokes(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lines of equal light go on (Bertalmio 2001, doi:10.1109/CVPR.2001.990497)."""
    return cv2.inpaint(image, mask.astype(np.uint8), REACH, cv2.INPAINT_NS)


def skin(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The light and colour of the surroundings, with the fine texture of skin elsewhere in the same picture."""
    sigma = max(2.0, 0.03 * min(image.shape[:2]))
    known = (~mask).astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), sigma)
    picture = image.astype(np.float32)
    smooth = cv2.GaussianBlur(picture * known[..., None], (0, 0), sigma) / np.maximum(weight, 1e-3)[..., None]
    far = weight < 0.02  # deeper inside than the blur reaches: inpainted first
    if far.any():
        smooth = np.where(far[..., None], cv2.inpaint(image, mask.astype(np.uint8), REACH, cv2.INPAINT_TELEA), smooth)
    texture = np.where(mask[..., None], 0, picture - smooth)
    best, fewest = np.zeros_like(texture), np.inf
    for _ in range(12):  # the shift under which the mask lies on the cleanest and calmest skin
        rows, columns = (_mirrored(n, rng.uniform(-0.4, 0.4)) for n in mask.shape)
        moved = texture[rows][:, columns]
        dirty = mask[rows][:, columns][mask].mean() + 0.01 * float(np.abs(moved[mask]).mean())
        if dirty < fewest:
            best, fewest = moved, dirty
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)[..., None]
    share = np.minimum(inside / max(1.0, RIM * min(mask.shape)), 1.0)  # no seam: the rim is still the picture's own
    return (picture * (1 - share) + np.clip(smooth + best, 0, 255) * share).round().astype(np.uint8)


def _mirrored(n: int, shift: float) -> np.ndarray:
    """Where the n places of a side look when they are shifted by a share of it, mirrored short of both ends."""
    margin = round(FRAME * n)
    reach = n - 2 * margin
    k = (np.arange(n) - margin + round(shift * n)) % max(1, 2 * reach)
    return margin + np.minimum(k, 2 * reach - 1 - k)


# name → image uint8 RGB (H, W, 3), mask bool (H, W), rng → uint8 RGB of the same size, changed inside the mask alone
FILLINGS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]] = {
    "telea": telea,
    "navier-stokes": navier_stokes,
    "skin": skin,
}


def fill(image: np.ndarray, mask: np.ndarray, way: str, rng: np.random.Generator) -> np.ndarray:
    """The picture with what the mask covers filled. way: a key of FILLINGS. A mask over everything leaves it as it is."""
    if not mask.any() or mask.all():
        return image
    return FILLINGS[way](image, mask, rng)


def widened(mask: np.ndarray, marker: str = "") -> np.ndarray:
    """The mask of a marker with its rim: bool (H, W)."""
    rim = MARKERS[marker].rim if marker in MARKERS else RIM
    side = 2 * max(1, round(rim * min(mask.shape))) + 1
    return cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) > 0
