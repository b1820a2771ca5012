"""Markers in the variety of real clinics: what the marker detectors learn from.

Each function draws one marker on a picture of any size, real or drawn, and says where it is: image float32 (H, W, 3) 0–255
in, image and mask bool (H, W) out. Sizes go with the picture's shorter side.
"""

from collections.abc import Callable

import cv2
import numpy as np

from imaging.fields import Rng, smooth_noise, strokes

Drawn = tuple[np.ndarray, np.ndarray]

_INKS = ((92, 48, 130), (60, 40, 120), (110, 70, 170), (42, 62, 140), (120, 40, 70), (30, 28, 34), (40, 100, 80))
_HAIRS = ((42, 30, 24), (78, 54, 34), (20, 18, 18), (120, 90, 60), (90, 70, 60))


def draw_ink(rng: Rng, image: np.ndarray) -> Drawn:
    """Loops, arcs, crosses, hatches, scribbles and dots of a surgeon's pen, fresh or nearly washed off."""
    h, w = image.shape[:2]
    s = min(h, w)
    lines: list[np.ndarray] = []
    kind = rng.choice(["loop", "crosses", "scribbles", "dots", "smear"])
    thick = max(1, round(s * rng.uniform(0.008, 0.03)))
    if kind == "loop":
        turn, span = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 2 * np.pi)
        t = np.linspace(turn, turn + span, 60)
        r = s * rng.uniform(0.22, 0.45) * (1 + 0.06 * np.sin(rng.integers(1, 5) * t + 1))
        middle = np.array([w, h]) * rng.uniform(0.4, 0.6, 2)
        lines.append(middle + np.stack([r * np.cos(t), r * np.sin(t)], 1) * rng.uniform(0.8, 1.2, 2))
    else:
        for _ in range(int(rng.integers(1, 6))):
            at = _around(rng, h, w)
            size = s * rng.uniform(0.03, 0.13)
            lines += _figure(rng, str(kind), at, size)
    field = strokes((h, w), lines, [thick] * len(lines), max(0.5, thick / 4))
    faint = kind == "smear" or rng.random() < 0.25
    grain = 0.6 + 0.4 * smooth_noise(rng, (h, w), max(1.5, s / 90)) if rng.random() < 0.7 else np.ones((h, w), np.float32)
    cover = (field * grain.clip(0, 1) * (rng.uniform(0.3, 0.5) if faint else rng.uniform(0.6, 0.95))).clip(0, 1)
    colour = np.array(_INKS[int(rng.integers(len(_INKS)))], np.float32) * rng.uniform(0.8, 1.25)
    wet = 0.6 * colour + 0.4 * image * colour / 255
    return _blend(image, wet, cover), cv2.dilate((cover > 0.2).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def draw_sticker(rng: Rng, image: np.ndarray) -> Drawn:
    """A patch, mostly cut off by the border: round, of one colour or with a ring of another; or a strip or card with corners."""
    h, w = image.shape[:2]
    s = min(h, w)
    a, b = s * rng.uniform(0.14, 0.4, 2)
    if rng.random() < 0.6:
        b = a * rng.uniform(0.75, 1.35)
    side = int(rng.integers(4))
    out = rng.uniform(-0.5, 0.6)
    x, y = rng.uniform(0.1, 0.9) * w, rng.uniform(0.1, 0.9) * h
    x = (-out * a, w + out * a)[side] if side < 2 else x
    y = (-out * b, h + out * b)[side - 2] if side >= 2 else y
    field, core = np.zeros((h, w), np.float32), np.zeros((h, w), np.float32)
    card = rng.random() < 0.25
    if card:
        corners = cv2.boxPoints(((x, y), (1.4 * a, 1.4 * b), rng.uniform(0, 90)))
        cv2.fillConvexPoly(field, np.rint(corners).astype(np.int32), 1.0, cv2.LINE_AA)
    else:
        cv2.ellipse(field, (round(x), round(y)), (round(a), round(b)), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    paper = np.ones((h, w, 3), np.float32) * (rng.uniform(12, 60) if card and rng.random() < 0.6 else _paper(rng))
    if not card and rng.random() < 0.3:
        share = rng.uniform(0.4, 0.7)
        cv2.ellipse(core, (round(x), round(y)), (round(a * share), round(b * share)), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
        paper = _blend(paper, np.ones((h, w, 3), np.float32) * _paper(rng), core)
    paper = paper * (1 + 0.03 * rng.standard_normal((h, w, 1)) + 0.05 * smooth_noise(rng, (h, w), s / 12)[..., None])
    shadow = cv2.GaussianBlur(field, (0, 0), s * 0.015)
    image = image * (1 - rng.uniform(0.1, 0.4) * (shadow - field).clip(0)[..., None])
    return _blend(image, paper, cv2.GaussianBlur(field, (0, 0), rng.uniform(0.4, 1.2))), field > 0.5


def draw_ruler(rng: Rng, image: np.ndarray) -> Drawn:
    """A scale printed on the glass, ticks along a border, or a paper scale laid beside the lesion."""
    h, w = image.shape[:2]
    s = min(h, w)
    kind = rng.choice(["glass", "ticks", "paper"], p=[0.55, 0.33, 0.12])
    field: np.ndarray = np.zeros((h, w), np.float32)
    dark = rng.uniform(20, 90)
    if kind == "glass":
        length, turn = s * rng.uniform(0.35, 0.6), np.radians(rng.choice([0.0, 90.0]) + rng.normal(0, 22))
        middle = np.array([w / 2, h / 2]) + rng.choice([-1, 1]) * np.array([-np.sin(turn), np.cos(turn)]) * s * rng.uniform(0.2, 0.42)
        along, up = np.array([np.cos(turn), np.sin(turn)]), np.array([np.sin(turn), -np.cos(turn)])
        n, tall, strong = int(rng.integers(8, 24)), s * rng.uniform(0.008, 0.03), rng.uniform(0.35, 0.9)
        lines = [np.stack([middle - along * length / 2, middle + along * length / 2])]
        for k, at in enumerate(np.linspace(-0.5, 0.5, n)):
            foot = middle + along * length * at
            lines.append(np.stack([foot, foot + up * tall * (1.6 if k % 5 == 0 else 1)]))
        field = strokes((h, w), lines, [1] * len(lines), rng.uniform(0.3, 0.7)) * strong
        if rng.random() < 0.5:
            spot = middle - along * length / 2 - up * tall * 2
            text = np.zeros((h, w), np.uint8)
            cv2.putText(text, "mm", (round(spot[0]), round(spot[1])), cv2.FONT_HERSHEY_SIMPLEX, s / 900, 255, 1, cv2.LINE_AA)
            field = np.maximum(field, text.astype(np.float32) / 255 * strong)
    else:
        pitch, far = s * rng.uniform(0.025, 0.07), rng.random() < 0.5
        upright, depth = rng.random() < 0.5, s * rng.uniform(0.015, 0.06)
        span, across = (h, w) if upright else (w, h)
        first, last = sorted(rng.uniform(0, span, 2)) if rng.random() < 0.4 else (0.0, float(span))
        last = min(float(span), max(last, first + 6 * pitch))
        inset = rng.uniform(0, 0.05) * s
        thick = max(1, round(s * rng.uniform(0.002, 0.012)))
        lean = rng.normal(0, 0.04)
        lines = []
        for k, at in enumerate(np.arange(first, last, pitch)):
            start = inset + lean * (at - first)
            reach = start + depth * (1.7 if k % 5 == 0 else 1)
            ends = [(across - start, at), (across - reach, at)] if far else [(start, at), (reach, at)]
            lines.append(np.array(ends if upright else [(b, a) for a, b in ends]))
        if kind == "paper":
            edge = np.zeros((h, w), np.float32)
            wide = round(inset + depth * rng.uniform(1.9, 3))
            cut = slice(across - wide, None) if far else slice(0, wide)
            edge[(slice(None), cut) if upright else (cut, slice(None))] = 1
            image = _blend(image, np.full_like(image, rng.uniform(215, 250)), edge)
            image = np.clip(image, 0, 255)
        field = strokes((h, w), lines, [thick] * len(lines), rng.uniform(0.3, 0.8)) * rng.uniform(0.5, 0.95)
        if kind == "paper":
            out = _blend(image, np.full_like(image, dark), field)
            return out, edge > 0
    mask = cv2.dilate((field > 0.2).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return _blend(image, np.full_like(image, dark), field), mask


def draw_hair(rng: Rng, image: np.ndarray) -> Drawn:
    """Long hairs, down or stubble, from one to very many, dark to fair."""
    h, w = image.shape[:2]
    s = min(h, w)
    stubble = rng.random() < 0.2
    n = int(rng.integers(8, 40)) if stubble else int(1 + rng.gamma(1.3, 9))
    way, lines = rng.uniform(0, 2 * np.pi), []
    spread = rng.uniform(0.1, 1.5)
    for _ in range(min(n, 70)):
        start = np.array([rng.uniform(-0.1, 1.1) * w, rng.uniform(-0.1, 1.1) * h])
        turns = way + rng.normal(0, spread) + rng.normal(0, 0.03) * np.arange(30) + 0.02 * np.cumsum(rng.standard_normal(30))
        length = s * (rng.uniform(0.02, 0.07) if stubble else rng.uniform(0.15, 1.0)) / 30
        lines.append(start + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], 1) * length, axis=0))
    thick = max(1, round(s * rng.uniform(0.002, 0.011)))
    field = strokes((h, w), lines, [thick] * len(lines), rng.uniform(0.35, 0.8))
    colour = np.array(_HAIRS[int(rng.integers(len(_HAIRS)))], np.float32)
    return _blend(image, np.ones_like(image) * colour, field * rng.uniform(0.45, 0.95)), field > 0.3


def draw_dark_corner(rng: Rng, image: np.ndarray) -> Drawn:
    """The round field of a dermatoscope, hard or soft, black or dark, whole or only touching the corners."""
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    x, y = (x - w / 2) / w - rng.normal(0, 0.02), (y - h / 2) / h - rng.normal(0, 0.02)
    radius = rng.uniform(0.47, 0.67)
    stretch = rng.uniform(0.8, 1.25) if rng.random() < 0.4 else 1.0
    soft = rng.uniform(0.003, 0.03)
    dark = 1 / (1 + np.exp(-((np.hypot(x * stretch, y) - radius) / soft).clip(-30, 30)))
    colour = np.array([rng.uniform(2, 40)] * 3, np.float32) * rng.uniform(0.8, 1.2, 3)
    return _blend(image, np.ones_like(image) * colour, dark * rng.uniform(0.85, 1)), dark > 0.5


def draw_gel_border(rng: Rng, image: np.ndarray) -> Drawn:
    """Where the contact gel ends: a bright wavy rim with a shadow, other light beyond it."""
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    middle = np.array([w, h]) * rng.uniform(0.4, 0.6, 2)
    angle = np.arctan2(y - middle[1], x - middle[0])
    wave = 1 + sum(rng.normal(0, 0.05) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(1, 5))
    reach = np.hypot((x - middle[0]) / (w * rng.uniform(0.38, 0.62)), (y - middle[1]) / (h * rng.uniform(0.4, 0.75))) / wave
    wide = rng.uniform(0.01, 0.03)
    rim = np.exp(-(((reach - 1) / wide) ** 2)).astype(np.float32)
    shade = np.exp(-(((reach - 1 - 1.8 * wide) / wide) ** 2)).astype(np.float32)
    broken = (0.6 + 0.6 * smooth_noise(rng, (h, w), min(h, w) / 6)).clip(0, 1)
    beyond = (1 / (1 + np.exp(-((reach - 1) / 0.01).clip(-30, 30)))).astype(np.float32)
    light = 1 + beyond[..., None] * rng.normal(-0.06, 0.08, 3).astype(np.float32)
    image = image * light * (1 - rng.uniform(0.05, 0.3) * (shade * broken)[..., None])
    shine = rim * broken * rng.uniform(0.2, 0.7)
    return _blend(image, np.full_like(image, 245), shine), (rim > 0.4) & (broken > 0.2)


def draw_gel_bubble(rng: Rng, image: np.ndarray) -> Drawn:
    """Air in the gel, from specks of light to wide rings, alone or in swarms."""
    h, w = image.shape[:2]
    s = min(h, w)
    rim, spot, mask = (np.zeros((h, w), np.float32) for _ in range(3))
    home, swarm = _around(rng, h, w), rng.random() < 0.4
    small = rng.random() < 0.6
    for _ in range(int(rng.integers(2, 45 if small else 9))):
        r = s * (rng.uniform(0.003, 0.012) if small else rng.uniform(0.012, 0.06))
        x, y = home + rng.normal(0, s * 0.12, 2) if swarm else np.array([rng.uniform(0, w), rng.uniform(0, h)])
        at = (round(float(x)), round(float(y)))
        whole = max(1, round(r))
        cv2.circle(rim, at, whole, 1.0, 1, cv2.LINE_AA)
        cv2.circle(spot, (round(float(x - r / 3)), round(float(y - r / 3))), max(0, round(r / 4)), 1.0, -1, cv2.LINE_AA)
        cv2.circle(mask, at, whole, 1.0, -1)
    image = image * (1 - rng.uniform(0.1, 0.4) * cv2.GaussianBlur(np.roll(rim, 1, axis=(0, 1)), (0, 0), 1.0)[..., None])
    light = (rng.uniform(0.2, 0.7) * cv2.GaussianBlur(rim, (0, 0), 0.6) + 0.9 * cv2.GaussianBlur(spot, (0, 0), 0.6)).clip(0, 1)
    return _blend(image, np.full_like(image, 250), light), mask > 0


# in the order they are laid over the skin
WILD: dict[str, Callable[[Rng, np.ndarray], Drawn]] = {
    "ink": draw_ink,
    "hair": draw_hair,
    "gel_border": draw_gel_border,
    "gel_bubble": draw_gel_bubble,
    "sticker": draw_sticker,
    "ruler": draw_ruler,
    "dark_corner": draw_dark_corner,
}


def _figure(rng: Rng, kind: str, at: np.ndarray, size: float) -> list[np.ndarray]:
    """Polylines of one pen mark around a place."""
    if kind == "dots":
        return [at + rng.normal(0, size / 8, (4, 2))]
    if kind == "crosses":
        turn = rng.uniform(0, np.pi)
        ways = (turn, turn + np.pi / 2)
        return [at + np.linspace(-1, 1, 6)[:, None] * np.array([np.cos(a), np.sin(a)]) * size for a in ways]
    way = rng.uniform(0, np.pi)
    along, across = np.array([np.cos(way), np.sin(way)]), np.array([-np.sin(way), np.cos(way)])
    n = int(rng.integers(4, 16))
    corners = [at + across * size * (2 * k / n - 1) + along * size * (1 if k % 2 else -1) * rng.uniform(0.3, 1) for k in range(n)]
    return [np.array(corners) + rng.normal(0, size / 20, (n, 2))]


def _around(rng: Rng, h: int, w: int) -> np.ndarray:
    """A place, sooner towards the borders than in the middle."""
    place = rng.beta(0.8, 0.8, 2)
    return place * np.array([w, h])


def _paper(rng: Rng) -> np.ndarray:
    if rng.random() < 0.2:
        return np.full(3, rng.uniform(170, 245), np.float32) + rng.normal(0, 8, 3).astype(np.float32)
    hsv = np.array([[[rng.uniform(0, 180), rng.uniform(90, 255), rng.uniform(110, 250)]]], np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


def _blend(under: np.ndarray, over: np.ndarray, cover: np.ndarray) -> np.ndarray:
    c = cover[..., None].astype(np.float32)
    return under * (1 - c) + over * c
