"""What lies on the skin besides the lesion: each function draws one marker and says where it is."""

from collections.abc import Callable

import cv2
import numpy as np

from imaging.fields import Rng, smooth_noise, strokes

Drawn = tuple[np.ndarray, np.ndarray]  # image float32 (H, W, 3), mask bool (H, W)

INKS = {"purple": (96, 52, 128), "blue": (42, 62, 140)}
STICKERS = {
    "yellow": (240, 206, 60),
    "orange": (238, 136, 44),
    "blue": (58, 112, 190),
    "green": (70, 150, 84),
    "red": (204, 52, 56),
    "white": (236, 234, 228),
}


def draw_ink(rng: Rng, image: np.ndarray, lesion: np.ndarray) -> Drawn:
    """A surgeon's pen: an arc, strokes or dots on the skin around the lesion."""
    size = image.shape[:2]
    ys, xs = np.nonzero(lesion)
    cx, cy = (xs.mean(), ys.mean()) if len(xs) else (size[1] / 2, size[0] / 2)
    reach = max(np.sqrt(lesion.sum() / np.pi), 20)
    kind, lines = rng.choice(["arc", "strokes", "dots"]), []
    turn = rng.uniform(0, 2 * np.pi)
    if kind == "arc":
        t = np.linspace(turn, turn + rng.uniform(1.2, 3.2), 40)
        r = reach * rng.uniform(1.35, 1.6) * (1 + 0.05 * np.sin(3 * t))
        lines.append(np.stack([cx + r * np.cos(t), cy + r * np.sin(t)], 1))
    else:
        for k in range(int(rng.integers(2, 5))):
            a = turn + k * rng.uniform(0.7, 1.4)
            out = np.array([np.cos(a), np.sin(a)])
            start = np.array([cx, cy]) + out * reach * rng.uniform(1.3, 1.55)
            length = 2 if kind == "dots" else rng.uniform(14, 34)
            along = out if rng.random() < 0.5 else np.array([-out[1], out[0]])
            lines.append(start + along * np.linspace(0, length, 8)[:, None] + rng.normal(0, 0.6, (8, 2)))
    thick = int(rng.integers(3, 6)) + (3 if kind == "dots" else 0)
    field = strokes(size, lines, [thick] * len(lines), 0.8)
    cover = field * (0.72 + 0.16 * smooth_noise(rng, size, 5)).clip(0.35, 0.95)
    colour = np.array(INKS[str(rng.choice(list(INKS)))], np.float32) * rng.uniform(0.85, 1.15)
    tinted = image * (1 - cover[..., None]) + (0.75 * colour + 0.25 * image * colour / 255) * cover[..., None]
    return tinted, field > 0.4


def draw_sticker(rng: Rng, image: np.ndarray, lesion: np.ndarray) -> Drawn:
    """A round coloured patch, cut off by the picture's border."""
    h, w = image.shape[:2]
    radius = rng.uniform(0.16, 0.3) * h
    side = rng.choice(["left", "right", "top", "bottom"])
    x = {"left": rng.uniform(-0.3, 0.25) * radius, "right": w - rng.uniform(-0.3, 0.25) * radius}.get(side, rng.uniform(0.1, 0.9) * w)
    y = {"top": rng.uniform(-0.3, 0.25) * radius, "bottom": h - rng.uniform(-0.3, 0.25) * radius}.get(side, rng.uniform(0.1, 0.9) * h)
    field = np.zeros((h, w), np.float32)
    cv2.circle(field, (round(x), round(y)), round(radius), 1.0, -1, cv2.LINE_AA)
    shadow = cv2.GaussianBlur(field, (0, 0), 4)
    colour = np.array(STICKERS[str(rng.choice(list(STICKERS)))], np.float32)
    paper = colour * (1 + 0.02 * rng.standard_normal((h, w, 1)) + 0.03 * smooth_noise(rng, (h, w), 25)[..., None])
    image = image * (1 - 0.3 * (shadow - field).clip(0)[..., None])
    return image * (1 - field[..., None]) + paper * field[..., None], field > 0.5


def draw_ruler(rng: Rng, image: np.ndarray, lesion: np.ndarray) -> Drawn:
    """A millimetre scale along one border, every fifth tick longer, with figures."""
    h, w = image.shape[:2]
    drawn = np.zeros((h, w), np.uint8)
    pitch = rng.uniform(7, 11)
    upright = bool(rng.random() < 0.5)
    span = h if upright else w
    far = (w if upright else h) - 3 if rng.random() < 0.5 else 2
    into = -1 if far > 10 else 1
    for k, at in enumerate(np.arange(rng.uniform(0, pitch), span, pitch)):
        long = 15 if k % 5 == 0 else 8
        ends = [(far, at), (far + into * long, at)]
        points = [(round(a), round(b)) if upright else (round(b), round(a)) for a, b in ends]
        cv2.line(drawn, points[0], points[1], 255, 1, cv2.LINE_AA)
        if k % 5 == 0 and 12 < at < span - 12:
            place = far + into * 22
            spot = (round(place) - 4, round(at) + 4) if upright else (round(at) - 4, round(place) + 4)
            cv2.putText(drawn, str(k // 5), spot, cv2.FONT_HERSHEY_SIMPLEX, 0.32, 255, 1, cv2.LINE_AA)
    field = drawn.astype(np.float32) / 255
    ink = np.array([38, 36, 40], np.float32)
    cover = (0.85 * field)[..., None]
    mask = cv2.dilate((field > 0.25).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return image * (1 - cover) + ink * cover, mask


def draw_hair(rng: Rng, image: np.ndarray, lesion: np.ndarray) -> Drawn:
    """Bent hairs across the picture, all roughly one way."""
    h, w = image.shape[:2]
    way, lines = rng.uniform(0, 2 * np.pi), []
    for _ in range(int(rng.integers(6, 22))):
        start = np.array([rng.uniform(0, w), rng.uniform(0, h)])
        bend = rng.normal(0, 0.012)
        turns = way + rng.normal(0, 0.35) + bend * np.arange(30)
        length = rng.uniform(60, 190) / 30
        lines.append(start + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], 1) * length, axis=0))
    field = strokes((h, w), lines, [int(rng.integers(1, 3)) for _ in lines], 0.5)
    colour = np.array([(42, 30, 24), (78, 54, 34), (20, 18, 18)][int(rng.integers(3))], np.float32)
    cover = (0.85 * field)[..., None]
    return image * (1 - cover) + colour * cover, field > 0.3


def draw_dark_corner(rng: Rng, image: np.ndarray, lesion: np.ndarray) -> Drawn:
    """The round field of a dermatoscope, black outside."""
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    x, y = x - w / 2 - rng.normal(0, 4), y - h / 2 - rng.normal(0, 4)
    radius = rng.uniform(0.40, 0.46) * np.hypot(h, w)
    dark = 1 / (1 + np.exp(-(np.hypot(x, y) - radius) / rng.uniform(1.5, 4)))
    return image * (1 - 0.97 * dark[..., None]) + 6 * dark[..., None], dark > 0.5


def draw_gel_bubble(rng: Rng, image: np.ndarray, lesion: np.ndarray) -> Drawn:
    """Air in the contact gel: rings with a light spot."""
    h, w = image.shape[:2]
    rim, spot, mask = (np.zeros((h, w), np.float32) for _ in range(3))
    for _ in range(int(rng.integers(2, 9))):
        r = int(rng.integers(4, 14))
        x, y = int(rng.integers(0, w)), int(rng.integers(0, h))
        cv2.circle(rim, (x, y), r, 1.0, 1, cv2.LINE_AA)
        cv2.circle(spot, (x - r // 3, y - r // 3), max(1, r // 4), 1.0, -1, cv2.LINE_AA)
        cv2.circle(mask, (x, y), r, 1.0, -1)
    image = image * (1 - 0.35 * cv2.GaussianBlur(np.roll(rim, 1, axis=(0, 1)), (0, 0), 1.0)[..., None])
    light = (0.6 * cv2.GaussianBlur(rim, (0, 0), 0.6) + 0.9 * cv2.GaussianBlur(spot, (0, 0), 0.8)).clip(0, 1)
    return image * (1 - light[..., None]) + 252 * light[..., None], mask > 0


# in the order they are laid over the skin
DRAW: dict[str, Callable[[Rng, np.ndarray, np.ndarray], Drawn]] = {
    "ink": draw_ink,
    "ruler": draw_ruler,
    "hair": draw_hair,
    "gel_bubble": draw_gel_bubble,
    "sticker": draw_sticker,
    "dark_corner": draw_dark_corner,
}
