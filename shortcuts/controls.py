"""What a marker is compared with: as much skin changed that is no marker, and as strong a change in no order.

Without a control every classifier “uses” every marker: any change of a photograph moves its scores.
"""

import itertools

import cv2
import numpy as np

TURNS = 24  # places round the lesion that are tried
_BACK, _ALL = slice(None, None, -1), slice(None)
_FLIPS = ((_ALL, _BACK), (_BACK, _ALL), (_BACK, _BACK))
FURTHER = (1.15, 1.25, 1.35, 1.45)  # times the distance of a ring round the lesion
SMOOTH, SOFT, DARKER = 0.03, 0.012, 0.9  # of `neutral`: shares of the shorter side; of the skin's light
LOST = 0.03  # share of a mask that may be lost beyond the picture's border, or fall on what is there


def elsewhere(mask: np.ndarray, centre: tuple[float, float], taken: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """The same shape on clean skin at the same distance from the lesion: bool (H, W), None where there is no room.

    mask: bool (H, W); centre: (x, y) of the lesion, round which it is turned; taken: bool (H, W), lesion and markers that it must not
    touch. Where no turn fits, as for marks along the border, it is mirrored across the picture; where that does not fit either, as many
    pixels in one patch of another shape, at the same distance.
    """
    dirty = taken | mask
    height, width = mask.shape
    pixels = mask.astype(np.uint8)
    turns = rng.permutation(np.arange(1, TURNS)) * (360 / TURNS)
    turned = (
        cv2.warpAffine(pixels, cv2.getRotationMatrix2D(centre, float(turn), 1.0), (width, height), flags=cv2.INTER_NEAREST)
        for turn in turns
    )
    mirrored = (np.ascontiguousarray(pixels[_FLIPS[k]]) for k in rng.permutation(len(_FLIPS)))
    for candidate in itertools.chain(turned, mirrored):
        moved = candidate > 0
        if (moved & ~dirty).sum() >= (1 - LOST) * mask.sum():
            return np.asarray(moved & ~dirty)
    return _patch(mask, centre, dirty, rng)


def _patch(mask: np.ndarray, centre: tuple[float, float], dirty: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """As many free pixels, round one of those that lie as far from the lesion as the mask does: bool (H, W)."""
    free, wanted = np.flatnonzero(~dirty), int(mask.sum())
    if len(free) < (1 - LOST) * wanted:
        return None
    y, x = np.divmod(free, mask.shape[1])
    out = np.hypot(x - centre[0], y - centre[1])
    rows, columns = np.nonzero(mask)
    off = np.abs(out - np.hypot(columns - centre[0], rows - centre[1]).mean())
    alike = np.flatnonzero(off <= np.quantile(off, 0.1))
    seed = int(rng.choice(alike))
    near = np.argsort(np.hypot(x - x[seed], y - y[seed]), kind="stable")[:wanted]
    place = np.zeros(mask.size, bool)
    place[free[near]] = True
    return place.reshape(mask.shape)


def further_out(mask: np.ndarray, centre: tuple[float, float], taken: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """As `elsewhere`, for a mask round the lesion, which any turn would leave where it is: as many pixels a little further out."""
    height, width = mask.shape
    pixels, wanted = mask.astype(np.uint8), int(mask.sum())
    y, x = np.mgrid[:height, :width]
    turn = (np.arctan2(y - centre[1], x - centre[0]) - rng.uniform(0, 2 * np.pi)) % (2 * np.pi)
    for scale in rng.permutation(FURTHER):
        ring = cv2.warpAffine(pixels, cv2.getRotationMatrix2D(centre, 0.0, float(scale)), (width, height), flags=cv2.INTER_NEAREST) > 0
        free = np.flatnonzero(ring & ~taken & ~mask)
        if len(free) >= (1 - LOST) * wanted:
            place = np.zeros(mask.size, bool)
            place[free[np.argsort(turn.ravel()[free], kind="stable")[:wanted]]] = True
            return place.reshape(mask.shape)
    return None


def neutral(image: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The marker's shape without its look: the skin that lies there a little darker, smooth and with soft edges.

    image: uint8 RGB (H, W, 3); place: bool (H, W). Returns uint8 RGB.
    """
    side = min(place.shape)
    skin = cv2.GaussianBlur(image, (0, 0), max(1.0, SMOOTH * side)).astype(np.float32) * DARKER
    cover = cv2.GaussianBlur(place.astype(np.float32), (0, 0), max(0.6, SOFT * side))[..., None]
    return (image * (1 - cover) + skin * cover).round().astype(np.uint8)


def scrambled(image: np.ndarray, marked: np.ndarray, mask: np.ndarray, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture with the marker's change scrambled: the same amount of light and colour at every fineness, in no order.

    image, marked: uint8 RGB (H, W, 3) without and with the marker, which lies in mask bool (H, W); place: bool (H, W), the same shape
    where the control goes. Phases are turned at random, alike in all channels, so that the marker's colours stay together and come as
    often reversed; the mean is left out. The strength is set so that the mean colour difference (CIE 1976 ΔE) is the marker's.
    """
    top, bottom, left, right = _box(mask)
    change = (marked.astype(np.float32) - image.astype(np.float32))[top:bottom, left:right] * mask[top:bottom, left:right, None]
    noise = np.fft.rfft2(rng.standard_normal((*change.shape[:2], 1)), axes=(0, 1))
    spectrum = np.fft.rfft2(change, axes=(0, 1)) * noise / np.maximum(np.abs(noise), 1e-9)
    spectrum[0, 0] = 0
    texture = np.fft.irfft2(spectrum, s=change.shape[:2], axes=(0, 1)).astype(np.float32)
    wanted = colour_difference(image, marked, mask)
    rows, columns = np.nonzero(place)  # a patch of another shape may be larger than the marker's box: the texture goes on
    pattern = texture[(rows - rows.min()) % texture.shape[0], (columns - columns.min()) % texture.shape[1]]
    skin = image[place].astype(np.float32)
    before = _lab(skin)

    def difference(strength: float) -> float:
        return float(np.linalg.norm(_lab(np.clip(skin + strength * pattern, 0, 255).round()) - before, axis=-1).mean())

    low, high = 0.0, 1.0
    while difference(high) < wanted and high < 64:
        low, high = high, 2 * high
    for _ in range(7):
        middle = (low + high) / 2
        if difference(middle) < wanted:
            low = middle
        else:
            high = middle
    control = image.copy()
    control[place] = np.clip(skin + high * pattern, 0, 255).round().astype(np.uint8)
    return control


def colour_difference(one: np.ndarray, other: np.ndarray, mask: np.ndarray) -> float:
    """Mean ΔE (CIE 1976) inside the mask, of uint8 RGB (H, W, 3)."""
    if not mask.any():
        return 0.0
    return float(np.linalg.norm(_lab(one[mask]) - _lab(other[mask]), axis=-1).mean())


def _lab(pixels: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (N, 3) of RGB (N, 3), 0–255."""
    return cv2.cvtColor((pixels.astype(np.float32) / 255)[None], cv2.COLOR_RGB2LAB)[0]


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
