"""Markers put into a photograph, of any size and strength, where one wants them.

Each function draws one marker of a kind around a place and says where it is: image float32 (H, W, 3) 0–255 in, image and mask bool
(H, W) out. Lengths are shares of the picture's shorter side, so the same dose looks the same at every resolution.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from core.markers import MARKERS
from imaging.fields import smooth_noise, strokes
from shortcuts import pen_circle, text
from shortcuts.dose import Dose, Drawn, blend
from shortcuts.placing import across_border, around, beside, reach_from

INKS = {"purple": (96, 52, 128), "blue": (42, 62, 140), "black": (34, 32, 38), "green": (40, 100, 80)}
STICKERS = {
    "yellow": (240, 206, 60),
    "orange": (238, 136, 44),
    "blue": (58, 112, 190),
    "green": (70, 150, 84),
    "red": (204, 52, 56),
    "white": (236, 234, 228),
}
SHEETS = {"square": np.array([0.75, 0.75]), "strip": np.array([1.0, 0.4])}  # half width and height of stickers that are not round
HAIRS = {"dark": (42, 30, 24), "brown": (78, 54, 34), "fair": (150, 120, 80)}


@dataclass(frozen=True)
class Drawing:
    """How one marker is inserted. draw: image, place (x, y) in pixels, length in pixels, dose with kind and colour settled, rng;
    size: usual half length, a share of the shorter side, and of what lies around the lesion its usual distance from it; kinds, colours: to
    choose from; usual: so many colours, the first, are common enough to be drawn when none is asked for; shape: half width and height in
    lengths."""

    draw: Callable[[np.ndarray, np.ndarray, float, Dose, np.random.Generator], Drawn]
    size: float
    kinds: tuple[str, ...] = ("usual",)
    colours: tuple[str, ...] = ("usual",)
    usual: int = 9
    shape: tuple[float, float] = (1.0, 1.0)


def settle(dose: Dose, rng: np.random.Generator) -> Dose:
    """The dose with its kind and colour, drawn at random where none is asked for."""
    entry = INSERTED[dose.marker]
    return replace(
        dose, kind=dose.kind or str(rng.choice(entry.kinds)), colour=dose.colour or str(rng.choice(entry.colours[: entry.usual]))
    )


def draw_marker(
    image: np.ndarray, dose: Dose, lesion: np.ndarray | None, rng: np.random.Generator, taken: np.ndarray | None = None
) -> Drawn | None:
    """uint8 RGB (H, W, 3) with the marker in it, and where it is; None where it finds no room beside the lesion.

    lesion: bool (H, W) or None; taken: bool (H, W), markers that are there already.
    """
    entry = INSERTED[dose.marker]
    settled = settle(dose, rng)
    kind = settled.kind
    height, width = image.shape[:2]
    length, lies = entry.size * dose.size * min(height, width), MARKERS[dose.marker].lies
    covered = [] if taken is None else [taken]
    place: np.ndarray | None
    if dose.at is not None or lies == "everywhere":
        place = np.array(dose.at or (0.5, 0.5)) * (width, height)
    elif lies == "around":
        place = around(lesion, covered, (height, width), length)
    else:
        wide, tall = (length * share for share in (entry.shape[::-1] if kind == "upright" else entry.shape))
        place = (across_border if lies == "border" else beside)(lesion, covered, (height, width), (wide, tall), rng)
    if place is None:
        return None
    if lies == "around" and lesion is not None:
        length += reach_from(lesion, place)
    drawn, mask = entry.draw(image.astype(np.float32), place, length, settled, rng)
    return np.clip(drawn, 0, 255).round().astype(np.uint8), mask


def _ink(image: np.ndarray, place: np.ndarray, length: float, dose: Dose, rng: np.random.Generator) -> Drawn:
    thick = max(1, round(length * 0.22))
    turn = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    if dose.kind == "arc":
        t = np.linspace(turn, turn + rng.uniform(1.6, 2.6), 24)
        lines = [place + length * (1.3 * np.stack([np.cos(t), np.sin(t)], 1) - along)]
    elif dose.kind == "cross":
        lines = [place + np.linspace(-1, 1, 6)[:, None] * way * length for way in (along, across)]
    elif dose.kind == "dots":
        lines = [place + (along * (k - 1) * 0.9 + rng.normal(0, 0.1, 2)) * length + np.zeros((2, 1)) for k in range(3)]
        thick = round(1.8 * thick)
    else:
        n = int(rng.integers(2, 4))
        lines = [place + (across * (k - (n - 1) / 2) * 0.7 + along * np.linspace(-1, 1, 8)[:, None]) * length for k in range(n)]
        lines = [line + rng.normal(0, 0.03 * length, line.shape) for line in lines]
    field = strokes(image.shape[:2], lines, [thick] * len(lines), max(0.5, thick / 5))
    grain = (0.85 + 0.15 * smooth_noise(rng, image.shape[:2], max(1.5, thick))).clip(0.4, 1)
    colour = np.array(INKS[str(dose.colour)], np.float32) * rng.uniform(0.9, 1.1)
    wet = 0.75 * colour + 0.25 * image * colour / 255
    return blend(image, wet, field * grain * dose.strength), field > 0.3


def _sticker(image: np.ndarray, place: np.ndarray, length: float, dose: Dose, rng: np.random.Generator) -> Drawn:
    field = np.zeros(image.shape[:2], np.float32)
    if dose.kind == "round":
        at = (round(float(place[0]) * 8), round(float(place[1]) * 8))
        cv2.circle(field, at, round(length * 8), 1.0, -1, cv2.LINE_AA, shift=3)
    else:
        corners = length * SHEETS[str(dose.kind)] * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        turn = rng.uniform(0, 2 * np.pi)
        corners = place + corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        cv2.fillConvexPoly(field, np.round(8 * corners).astype(np.int32), 1.0, cv2.LINE_AA, shift=3)
    side = 2 * round(length) + 1
    light = cv2.blur(image.mean(axis=-1), (side, side))  # paper lies in the same light as the skin
    shade = 0.5 + 0.5 * light / max(float(light.mean()), 1.0)
    grain = 1 + 0.02 * rng.standard_normal(image.shape[:2])
    paper = np.array(STICKERS[str(dose.colour)], np.float32) * (shade * grain)[..., None]
    shadow = 1 - 0.25 * dose.strength * cv2.GaussianBlur(field, (0, 0), max(0.6, 0.03 * length))[..., None]
    return blend(image * shadow, paper.astype(np.float32), cv2.GaussianBlur(field, (0, 0), 0.6) * dose.strength), field > 0.5


def _ruler(image: np.ndarray, place: np.ndarray, length: float, dose: Dose, rng: np.random.Generator) -> Drawn:
    turn = np.radians(rng.normal(0, 4) + (90 if dose.kind == "upright" else 0))
    along, up = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    thick = max(1, round(length * 0.035))
    lines = [np.stack([place - along * length, place + along * length])]
    for k, share in enumerate(np.linspace(-1, 1, 13)):
        foot = place + along * length * share
        lines.append(np.stack([foot, foot + up * length * (0.28 if k % 5 == 0 else 0.16)]))
    field = strokes(image.shape[:2], lines, [thick] * len(lines), 0.4)
    dark = np.full(3, rng.uniform(25, 50), np.float32)
    mask = cv2.dilate((field > 0.25).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if dose.kind == "on plastic":
        plate = np.zeros(image.shape[:2], np.float32)
        edges = [place + along * length * (1.05 * a) + up * length * b for a, b in ((-1, -0.08), (1, -0.08), (1, 0.36), (-1, 0.36))]
        cv2.fillConvexPoly(plate, np.round(8 * np.stack(edges)).astype(np.int32), 1.0, cv2.LINE_AA, shift=3)
        image, mask = blend(image, np.full_like(image, 240), plate * dose.strength), plate > 0.5
    return blend(image, np.ones_like(image) * dark, field * dose.strength), mask


def _hair(image: np.ndarray, place: np.ndarray, length: float, dose: Dose, rng: np.random.Generator) -> Drawn:
    h, w = image.shape[:2]
    way, lines = rng.uniform(0, 2 * np.pi), []
    for _ in range(max(1, round(14 * dose.size))):
        start = np.array([rng.uniform(0, w), rng.uniform(0, h)])
        turns = way + rng.normal(0, 0.35) + rng.normal(0, 0.012) * np.arange(30)
        step = min(h, w) * rng.uniform(0.25, 0.8) / 30
        lines.append(start + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], 1) * step, axis=0))
    thick = 0.006 * min(h, w)
    parts = [line[a : b + 1] for line in lines for a, b in ((0, 20), (20, 26), (26, 29))]  # thinner towards the tip
    field = strokes((h, w), parts, [max(1, round(thick * t)) for t in (1.0, 0.7, 0.4)] * len(lines), 0.4)
    colour = np.array(HAIRS[str(dose.colour)], np.float32)
    return blend(image, np.ones_like(image) * colour, field * dose.strength), field > 0.3


def _dark_corner(image: np.ndarray, place: np.ndarray, length: float, dose: Dose, rng: np.random.Generator) -> Drawn:
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    out = np.hypot(x + 0.5 - place[0], y + 0.5 - place[1]) / (np.hypot(h, w) / 2)
    radius = 1 - 0.13 * dose.size
    dark = 1 / (1 + np.exp(-((out - radius) / 0.012).clip(-30, 30)))
    return blend(image, np.full_like(image, 6), dark * dose.strength), dark > 0.5


def _gel_bubble(image: np.ndarray, place: np.ndarray, length: float, dose: Dose, rng: np.random.Generator) -> Drawn:
    rim, spot, inside = (np.zeros(image.shape[:2], np.float32) for _ in range(3))
    for _ in range(int(rng.integers(2, 6))):
        turn, out = rng.uniform(0, 2 * np.pi), length * np.sqrt(rng.uniform(0, 0.8))
        x, y = place + out * np.array([np.cos(turn), np.sin(turn)])
        r = max(1.5, length * rng.uniform(0.14, 0.36))
        cv2.circle(rim, (round(x), round(y)), round(r), 1.0, max(1, round(0.12 * r)), cv2.LINE_AA)
        cv2.circle(spot, (round(x - r / 3), round(y - r / 3)), max(1, round(r / 4)), 1.0, -1, cv2.LINE_AA)
        cv2.circle(inside, (round(x), round(y)), round(r), 1.0, -1)
    away = max(1, round(0.03 * length))
    shade = 0.35 * dose.strength * cv2.GaussianBlur(np.roll(rim, away, axis=(0, 1)), (0, 0), float(away))
    light = (0.6 * cv2.GaussianBlur(rim, (0, 0), 0.6) + 0.9 * cv2.GaussianBlur(spot, (0, 0), 0.8)).clip(0, 1)
    mask = cv2.dilate(inside, np.ones((3, 3), np.uint8)) > 0
    return blend(image * (1 - shade[..., None]), np.full_like(image, 252), light * dose.strength), mask


def _gel_border(image: np.ndarray, place: np.ndarray, length: float, dose: Dose, rng: np.random.Generator) -> Drawn:
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    turn = np.arctan2(y - place[1], x - place[0])
    wave = 1 + sum(rng.normal(0, 0.04) * np.cos(k * turn + rng.uniform(0, 6.3)) for k in range(1, 5))
    out = np.hypot((x - place[0]) / w, (y - place[1]) / h) / (0.5 * dose.size * rng.uniform(0.8, 0.95)) / wave - 1
    rim, shade = (np.exp(-(((out - at) / 0.025) ** 2)).astype(np.float32) for at in (0, 0.045))
    broken = (0.6 + 0.6 * smooth_noise(rng, (h, w), min(h, w) / 6)).clip(0, 1)
    dark = 1 - 0.25 * dose.strength * shade * broken
    mask = (np.maximum(rim, shade) > 0.3) & (broken > 0.2)
    return blend(image * dark[..., None], np.full_like(image, 245), 0.6 * dose.strength * rim * broken), mask


INSERTED: dict[str, Drawing] = {
    "ink": Drawing(_ink, 0.07, ("arc", "strokes", "cross", "dots"), tuple(INKS), usual=2),
    "sticker": Drawing(_sticker, 0.17, ("round", *SHEETS), tuple(STICKERS)),
    "ruler": Drawing(_ruler, 0.22, ("level", "upright", "on plastic"), shape=(1.0, 0.4)),
    "hair": Drawing(_hair, 0.5, colours=tuple(HAIRS), usual=2),
    "dark_corner": Drawing(_dark_corner, 0.5),
    "gel_border": Drawing(_gel_border, 0.5),
    "gel_bubble": Drawing(_gel_bubble, 0.13),
    "pen_circle": Drawing(pen_circle.draw, 0.06, tuple(pen_circle.KINDS), tuple(pen_circle.PENS), usual=2),
    "text": Drawing(text.draw, 0.16, text.KINDS, tuple(text.COLOURS), usual=2, shape=(1.0, 0.35)),
}
