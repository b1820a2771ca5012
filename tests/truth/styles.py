"""Markers as strangers draw them: three styles each, with Pillow alone. Nothing is shared with what LesionLens draws or was taught.

A style is a function of a `Canvas`; it draws in the picture's own pixels, supersampled, so that edges are smooth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FINE = 2  # times finer than the picture


@dataclass
class Canvas:
    """A transparent sheet over the picture. centre, radius: of the lesion, in fine pixels; unit: a hundredth of the shorter side."""

    sheet: Image.Image
    pen: ImageDraw.ImageDraw
    rng: np.random.Generator
    width: int
    height: int
    centre: tuple[float, float]
    radius: float
    unit: float
    on_lesion: bool

    def spot(self, half: float) -> tuple[float, float]:
        """A place for something of that half size: clear of the lesion, or on it."""
        if self.on_lesion:
            return self.centre
        best, clearance = self.centre, -np.inf
        for _ in range(60):
            x, y = self.rng.uniform(half, self.width - half), self.rng.uniform(half, self.height - half)
            clear = float(np.hypot(x - self.centre[0], y - self.centre[1]) - self.radius - half)
            if clear >= 0:
                return x, y
            if clear > clearance:
                best, clearance = (x, y), clear
        return best


Style = Callable[[Canvas], None]


def wear(picture: np.ndarray, lesion: np.ndarray, style: Style, rng: np.random.Generator, on_lesion: bool = False) -> np.ndarray:
    """uint8 RGB (H, W, 3) with the marker drawn over it."""
    height, width = picture.shape[:2]
    sheet = Image.new("RGBA", (width * FINE, height * FINE), (0, 0, 0, 0))
    y, x = np.nonzero(lesion)
    at = (float(x.mean()) * FINE, float(y.mean()) * FINE) if len(x) else (width * FINE / 2, height * FINE / 2)
    radius = FINE * float(np.percentile(np.hypot(x - at[0] / FINE, y - at[1] / FINE), 95)) if len(x) else 0.2 * width * FINE
    canvas = Canvas(sheet, ImageDraw.Draw(sheet), rng, width * FINE, height * FINE, at, radius, min(width, height) * FINE / 100, on_lesion)
    style(canvas)
    small = canvas.sheet.resize((width, height), Image.Resampling.BOX)
    return np.asarray(Image.alpha_composite(Image.fromarray(picture).convert("RGBA"), small).convert("RGB"))


def _turned(c: Canvas, part: Image.Image, at: tuple[float, float], degrees: float) -> None:
    part = part.rotate(degrees, expand=True, resample=Image.Resampling.BICUBIC)
    c.sheet.alpha_composite(part, (int(np.clip(at[0] - part.width / 2, 0, c.width)), int(np.clip(at[1] - part.height / 2, 0, c.height))))


def _wavy(c: Canvas, start: tuple[float, float], way: float, length: float, bend: float) -> list[tuple[float, float]]:
    steps = 24
    turns = way + np.cumsum(c.rng.normal(0, bend, steps)) + c.rng.normal(0, bend) * np.arange(steps)
    x = start[0] + np.cumsum(np.cos(turns)) * length / steps
    y = start[1] + np.cumsum(np.sin(turns)) * length / steps
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _ink_dashes(c: Canvas) -> None:
    for _ in range(int(c.rng.integers(3, 6))):
        x, y = c.spot(9 * c.unit)
        way = c.rng.uniform(0, 6.28)
        c.pen.line(_wavy(c, (x, y), way, 16 * c.unit, 0.05), fill=(38, 60, 150, 215), width=round(1.7 * c.unit), joint="curve")


def _ink_smear(c: Canvas) -> None:
    x, y = c.spot(14 * c.unit)
    for _ in range(5):
        start = (x + c.rng.normal(0, 3 * c.unit), y + c.rng.normal(0, 3 * c.unit))
        c.pen.line(_wavy(c, start, c.rng.uniform(0, 6.28), 20 * c.unit, 0.18), fill=(92, 40, 140, 150), width=round(4 * c.unit))
    c.sheet.paste(c.sheet.filter(ImageFilter.GaussianBlur(0.7 * c.unit)))


def _ink_arrow(c: Canvas) -> None:
    half = 11 * c.unit
    x, y = c.spot(half)
    way = float(np.arctan2(c.centre[1] - y, c.centre[0] - x))
    tip = (x + half * np.cos(way), y + half * np.sin(way))
    ink, wide = (20, 24, 60, 235), round(2.4 * c.unit)
    c.pen.line([(x - half * np.cos(way), y - half * np.sin(way)), tip], fill=ink, width=wide)
    for side in (2.6, -2.6):
        c.pen.line([tip, (tip[0] + 0.5 * half * np.cos(way + side), tip[1] + 0.5 * half * np.sin(way + side))], fill=ink, width=wide)


def _sticker_square(c: Canvas) -> None:
    side = int(26 * c.unit)
    colour = tuple(int(v) for v in c.rng.choice([(250, 150, 40), (60, 170, 110), (70, 120, 200)]))
    part = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    ImageDraw.Draw(part).rounded_rectangle((1, 1, side - 2, side - 2), radius=side // 8, fill=(*colour, 250))
    _turned(c, part, c.spot(19 * c.unit), float(c.rng.uniform(0, 90)))


def _sticker_disc(c: Canvas) -> None:
    r, edge = 20 * c.unit, int(c.rng.integers(4))
    x, y = (
        (0, c.rng.uniform(0, c.height)),
        (c.width, c.rng.uniform(0, c.height)),
        (c.rng.uniform(0, c.width), 0),
        (c.rng.uniform(0, c.width), c.height),
    )[edge]
    if c.on_lesion:
        x, y = c.centre
    c.pen.ellipse((x - r, y - r, x + r, y + r), fill=(222, 60, 74, 248))
    c.pen.ellipse((x - 0.6 * r, y - 0.6 * r, x + 0.6 * r, y + 0.6 * r), outline=(250, 235, 220, 240), width=round(2 * c.unit))


def _sticker_tape(c: Canvas) -> None:
    part = Image.new("RGBA", (int(46 * c.unit), int(15 * c.unit)), (238, 226, 196, 225))
    pen = ImageDraw.Draw(part)
    for k in range(0, part.width, max(2, int(2.5 * c.unit))):
        pen.line((k, 0, k, part.height), fill=(210, 196, 160, 225), width=max(1, round(0.4 * c.unit)))
    _turned(c, part, c.spot(20 * c.unit), float(c.rng.uniform(-25, 25)))


def _ticks(pen: ImageDraw.ImageDraw, length: float, foot: float, up: float, step: float, ink: tuple[int, ...], wide: int) -> None:
    for k in range(int(length / step)):
        pen.line((k * step + step / 2, foot, k * step + step / 2, foot + up * (1.8 if k % 5 == 0 else 1)), fill=ink, width=wide)


def _ruler_strip(c: Canvas) -> None:
    part = Image.new("RGBA", (int(70 * c.unit), int(13 * c.unit)), (244, 244, 240, 235))
    pen = ImageDraw.Draw(part)
    _ticks(pen, part.width, 0, 4 * c.unit, 3 * c.unit, (20, 20, 20, 255), max(1, round(0.8 * c.unit)))
    for k in range(4):
        pen.text((k * 15 * c.unit + 2 * c.unit, 7 * c.unit), str(k), fill=(20, 20, 20, 255), font=ImageFont.load_default(5 * c.unit))
    high = bool(c.rng.random() < 0.5)
    _turned(c, part, (c.width / 2 + c.rng.normal(0, 8 * c.unit), 9 * c.unit if high else c.height - 9 * c.unit), float(c.rng.normal(0, 3)))


def _ruler_edge(c: Canvas) -> None:
    wide, step = max(1, round(0.9 * c.unit)), 4 * c.unit
    left = 3 * c.unit if c.rng.random() < 0.5 else c.width - 3 * c.unit
    inwards = 1 if left < c.width / 2 else -1
    for k in range(int(c.height / step)):
        y, long = k * step + step / 2, (8 if k % 5 == 0 else 4) * c.unit
        c.pen.line((left, y, left + inwards * long, y), fill=(15, 15, 15, 235), width=wide)


def _ruler_corner(c: Canvas) -> None:
    wide, long = max(1, round(1.1 * c.unit)), 44 * c.unit
    x0, y0 = 5 * c.unit, c.height - 5 * c.unit
    c.pen.line((x0, y0, x0 + long, y0), fill=(250, 250, 250, 240), width=wide)
    c.pen.line((x0, y0, x0, y0 - long), fill=(250, 250, 250, 240), width=wide)
    for k in range(1, 12):
        at, tall = k * long / 11, (5 if k % 5 == 0 else 3) * c.unit
        c.pen.line((x0 + at, y0, x0 + at, y0 - tall), fill=(250, 250, 250, 240), width=wide)
        c.pen.line((x0, y0 - at, x0 + tall, y0 - at), fill=(250, 250, 250, 240), width=wide)


def _hairs(c: Canvas, n: int, length: float, bend: float, wide: float, colours: tuple[tuple[int, int, int], ...], cover: int) -> None:
    for _ in range(n):
        start = (c.rng.uniform(0, c.width), c.rng.uniform(0, c.height))
        colour = colours[int(c.rng.integers(len(colours)))]
        path = _wavy(c, start, c.rng.uniform(0, 6.28), length * c.rng.uniform(0.6, 1.3) * c.unit, bend)
        c.pen.line(path, fill=(*colour, cover), width=max(1, round(wide * c.unit)), joint="curve")


def _hair_dark(c: Canvas) -> None:
    _hairs(c, int(c.rng.integers(9, 16)), 75, 0.03, 1.1, ((34, 26, 22), (52, 38, 30)), 235)


def _hair_fine(c: Canvas) -> None:
    _hairs(c, int(c.rng.integers(22, 34)), 45, 0.09, 0.6, ((120, 88, 60), (96, 70, 48)), 200)


def _hair_stubble(c: Canvas) -> None:
    _hairs(c, int(c.rng.integers(60, 90)), 8, 0.02, 1.0, ((40, 30, 26),), 220)


def _corners(c: Canvas, radius: float, soft: float, colour: tuple[int, int, int], power: float = 2.0) -> None:
    y, x = np.mgrid[: c.height, : c.width]
    out = (np.abs((x - c.width / 2) / (c.width / 2)) ** power + np.abs((y - c.height / 2) / (c.height / 2)) ** power) ** (1 / power)
    cover = np.clip((out - radius) / soft, 0, 1) * 255
    sheet = np.dstack([np.full((c.height, c.width), v) for v in colour] + [cover]).round().astype(np.uint8)
    c.sheet.paste(Image.fromarray(sheet))


def _corner_hard(c: Canvas) -> None:
    _corners(c, 1.08 + c.rng.uniform(-0.04, 0.04), 0.01, (3, 3, 4))


def _corner_soft(c: Canvas) -> None:
    _corners(c, 0.85, 0.5, (18, 12, 10))


def _corner_cut(c: Canvas) -> None:
    _corners(c, 1.42 + c.rng.uniform(-0.08, 0.05), 0.02, (28, 26, 26), 1.0)


def _gel_line(c: Canvas) -> None:
    side = bool(c.rng.random() < 0.5)
    x = np.linspace(0, c.width, 60)
    level = (0.16 if side else 0.86) * c.height + 3 * c.unit * np.cumsum(c.rng.normal(0, 0.35, 60))
    path = list(zip(x.tolist(), level.tolist(), strict=True))
    c.pen.line(path, fill=(252, 252, 250, 200), width=round(1.4 * c.unit), joint="curve")
    c.pen.line([(a, b + 1.8 * c.unit) for a, b in path], fill=(90, 70, 60, 120), width=round(1.2 * c.unit), joint="curve")


def _gel_ring(c: Canvas) -> None:
    turn = np.linspace(0, 6.2832, 90)
    wave = 1 + 0.05 * np.sin(3 * turn + c.rng.uniform(0, 6)) + 0.03 * np.sin(7 * turn + c.rng.uniform(0, 6))
    x, y = c.width / 2 + 0.44 * c.width * wave * np.cos(turn), c.height / 2 + 0.43 * c.height * wave * np.sin(turn)
    c.pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=(250, 246, 240, 170), width=round(2.2 * c.unit), joint="curve")


def _gel_gloss(c: Canvas) -> None:
    side = float(c.rng.uniform(0.7, 0.82)) * c.width
    bend = 10 * c.unit * np.sin(np.linspace(0, 3, 40) + c.rng.uniform(0, 3))
    y = np.linspace(0, c.height, 40)
    edge = list(zip((side + bend).tolist(), y.tolist(), strict=True))
    c.pen.polygon([*edge, (c.width, c.height), (c.width, 0)], fill=(255, 250, 240, 46))
    c.pen.line(edge, fill=(255, 255, 255, 185), width=round(1.5 * c.unit))


def _bubble(c: Canvas, x: float, y: float, r: float, rim: int) -> None:
    c.pen.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255, 30), outline=(250, 250, 250, rim), width=max(1, round(0.16 * r)))
    c.pen.arc((x - r, y - r, x + r, y + r), 20, 120, fill=(70, 50, 40, 150), width=max(1, round(0.12 * r)))
    c.pen.ellipse((x - 0.5 * r, y - 0.55 * r, x - 0.2 * r, y - 0.25 * r), fill=(255, 255, 255, 240))


def _bubble_big(c: Canvas) -> None:
    x, y = c.spot(9 * c.unit)
    _bubble(c, x, y, 9 * c.unit, 210)


def _bubble_foam(c: Canvas) -> None:
    x, y = c.spot(14 * c.unit)
    for _ in range(int(c.rng.integers(9, 15))):
        _bubble(c, x + c.rng.normal(0, 6 * c.unit), y + c.rng.normal(0, 6 * c.unit), c.rng.uniform(1.2, 3.2) * c.unit, 225)


def _bubble_chain(c: Canvas) -> None:
    x, y = c.spot(12 * c.unit)
    way = c.rng.uniform(0, 6.28)
    for k in range(-2, 3):
        _bubble(c, x + 6 * k * c.unit * np.cos(way), y + 6 * k * c.unit * np.sin(way), (3.6 - 0.6 * abs(k)) * c.unit, 230)


def _ring(c: Canvas, colour: tuple[int, int, int, int], wide: float, gap: float, rough: float, dashed: bool = False) -> None:
    turn = np.linspace(0, 6.2832, 80)
    r = (c.radius + gap * c.unit) * (1 + rough * np.sin(2 * turn + c.rng.uniform(0, 6)) + rough * np.sin(3 * turn + c.rng.uniform(0, 6)))
    path = list(zip((c.centre[0] + r * np.cos(turn)).tolist(), (c.centre[1] + r * np.sin(turn)).tolist(), strict=True))
    for k in range(len(path) - 1):
        if not dashed or k % 6 < 4:
            c.pen.line(path[k : k + 2], fill=colour, width=round(wide * c.unit))


def _circle_thin(c: Canvas) -> None:
    _ring(c, (24, 40, 120, 230), 1.1, 6, 0.03)


def _circle_felt(c: Canvas) -> None:
    _ring(c, (100, 40, 110, 190), 3.2, 7, 0.05)


def _circle_dashed(c: Canvas) -> None:
    _ring(c, (20, 20, 24, 235), 1.8, 6, 0.02, dashed=True)


def _word(c: Canvas, text: str, tall: float, ink: tuple[int, ...], paper: tuple[int, ...] | None, corner: bool, tilt: float = 0.0) -> None:
    font = ImageFont.load_default(tall * c.unit)
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    pad = int(1.5 * c.unit)
    part = Image.new("RGBA", (right - left + 2 * pad, bottom - top + 2 * pad), paper or (0, 0, 0, 0))
    ImageDraw.Draw(part).text((pad - left, pad - top), text, font=font, fill=ink)
    at = (c.width - part.width / 2 - 3 * c.unit, c.height - part.height / 2 - 3 * c.unit) if corner else c.spot(part.width / 3)
    _turned(c, part, c.centre if c.on_lesion else at, tilt)


def _text_date(c: Canvas) -> None:
    day = f"{c.rng.integers(1, 29):02d}.{c.rng.integers(1, 13):02d}.{c.rng.integers(2009, 2021)}"
    _word(c, day, 9, (250, 200, 40, 255), None, True)


def _text_label(c: Canvas) -> None:
    _word(c, f"Pat. {c.rng.integers(100, 999)}", 9, (10, 10, 10, 255), (255, 255, 255, 250), False, float(c.rng.normal(0, 4)))


def _text_figure(c: Canvas) -> None:
    _word(c, str(c.rng.choice(["1", "2", "A", "B3", "#7"])), 20, (235, 235, 235, 245), None, False, float(c.rng.normal(0, 10)))


STYLES: Mapping[str, Mapping[str, Style]] = {
    "ink": {"dashes": _ink_dashes, "smear": _ink_smear, "arrow": _ink_arrow},
    "sticker": {"square": _sticker_square, "disc": _sticker_disc, "tape": _sticker_tape},
    "ruler": {"strip": _ruler_strip, "edge": _ruler_edge, "corner": _ruler_corner},
    "hair": {"dark": _hair_dark, "fine": _hair_fine, "stubble": _hair_stubble},
    "dark_corner": {"hard": _corner_hard, "soft": _corner_soft, "cut": _corner_cut},
    "gel_border": {"line": _gel_line, "ring": _gel_ring, "gloss": _gel_gloss},
    "gel_bubble": {"big": _bubble_big, "foam": _bubble_foam, "chain": _bubble_chain},
    "pen_circle": {"thin": _circle_thin, "felt": _circle_felt, "dashed": _circle_dashed},
    "text": {"date": _text_date, "label": _text_label, "figure": _text_figure},
}
