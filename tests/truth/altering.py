"""Altered copies of photographs, drawn by Pillow and NumPy alone: nothing here is shared with what looks for them.

`CHANGES` are those the search was built with; `KEPT_BACK` were tried once it was finished, and never to choose a number.
"""

import io
from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Picture = Image.Image
Change = Callable[[Picture, np.random.Generator], Picture]


def _curve(picture: Picture, channels: Callable[[np.ndarray], np.ndarray]) -> Picture:
    """A function of the values 0…1 (H, W, 3)."""
    values = channels(np.asarray(picture, float) / 255)
    return Image.fromarray(np.uint8(np.clip(values, 0, 1) * 255 + 0.5))


def _lit(factor: float) -> Change:
    return lambda p, rng: ImageEnhance.Brightness(p).enhance(factor)


def _gamma(power: float) -> Change:
    return lambda p, rng: _curve(p, lambda x: x**power)


def _cast(*gains: float) -> Change:
    return lambda p, rng: _curve(p, lambda x: x * np.array(gains))


def _exposed(stops: float) -> Change:
    """In linear light, as a camera would."""
    return lambda p, rng: _curve(p, lambda x: np.minimum(x**2.2 * 2**stops, 1) ** (1 / 2.2))


def _turned(degrees: float) -> Change:
    """The frame stays, its corners turn black."""
    return lambda p, rng: p.rotate(degrees, Image.Resampling.BICUBIC)


def _turned_whole(degrees: float) -> Change:
    """The frame grows, its corners take the skin's colour."""
    return lambda p, rng: p.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=p.resize((1, 1)).getpixel((0, 0)))


def _cropped(share: float, centred: bool = True) -> Change:
    """A share of each side, from the middle or anywhere."""

    def change(p: Picture, rng: np.random.Generator) -> Picture:
        w, h = (max(8, round(s * share)) for s in p.size)
        x, y = (
            ((p.size[0] - w) // 2, (p.size[1] - h) // 2) if centred else (rng.integers(p.size[0] - w + 1), rng.integers(p.size[1] - h + 1))
        )
        return p.crop((int(x), int(y), int(x) + w, int(y) + h))

    return change


def _jpeg(quality: int) -> Change:
    def change(p: Picture, rng: np.random.Generator) -> Picture:
        buffer = io.BytesIO()
        p.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return change


def _blurred(share: float) -> Change:
    """A Gaussian whose radius is a share of the longer side."""
    return lambda p, rng: p.filter(ImageFilter.GaussianBlur(share * max(p.size)))


def _scaled(across: float, down: float) -> Change:
    return lambda p, rng: p.resize((max(8, round(p.size[0] * across)), max(8, round(p.size[1] * down))), Image.Resampling.LANCZOS)


def _written(words: str, size: float, opacity: float, place: tuple[float, float]) -> Change:
    """Words over the picture: size as a share of its height, place as shares of its sides."""

    def change(p: Picture, rng: np.random.Generator) -> Picture:
        over = Image.new("RGBA", p.size)
        where = (place[0] * p.size[0], place[1] * p.size[1])
        draw = ImageDraw.Draw(over)
        draw.text(
            where,
            words,
            fill=(255, 255, 255, round(255 * opacity)),
            font_size=max(8.0, size * p.size[1]),
            stroke_width=1,
            stroke_fill=(0, 0, 0, 60),
        )
        return Image.alpha_composite(p.convert("RGBA"), over).convert("RGB")

    return change


def _tiled(p: Picture, rng: np.random.Generator) -> Picture:
    """A faint mark all over the picture."""
    for y in (0.05, 0.35, 0.65):
        for x in (0.02, 0.5):
            p = _written("© SKIN", 0.12, 0.35, (x, y))(p, rng)
    return p


def _noisy(spread: float) -> Change:
    return lambda p, rng: _curve(p, lambda x: x + rng.normal(0, spread, x.shape))


def _framed(p: Picture, rng: np.random.Generator) -> Picture:
    return ImageOps.expand(p, border=round(0.08 * max(p.size)), fill=(0, 0, 0))


def _shaded(p: Picture, rng: np.random.Generator) -> Picture:
    """Light that falls off to one side."""
    return _curve(p, lambda x: x * np.linspace(0.6, 1.1, x.shape[1])[None, :, None])


def both(first: Change, second: Change) -> Change:
    return lambda p, rng: second(first(p, rng), rng)


CHANGES: Mapping[str, Change] = {
    "brightness × 1.3": _lit(1.3),
    "brightness × 0.7": _lit(0.7),
    "gamma 1.6": _gamma(1.6),
    "warm cast": _cast(1.12, 1.0, 0.8),
    "exposure + 0.7 stops": _exposed(0.7),
    "exposure − 1 stop": _exposed(-1),
    "turned 5°": _turned(5),
    "turned 15°": _turned(15),
    "turned 90°": _turned_whole(90),
    "mirrored": lambda p, rng: ImageOps.mirror(p),
    "crop 0.9": _cropped(0.9),
    "crop 0.75": _cropped(0.75),
    "crop 0.5": _cropped(0.5),
    "crop 0.5 anywhere": _cropped(0.5, centred=False),
    "blur": _blurred(0.006),
    "JPEG 30": _jpeg(30),
    "watermark": _tiled,
    "text": _written("14.03.2016", 0.12, 1.0, (0.05, 0.8)),
    "half size": _scaled(0.5, 0.5),
}
CHOSEN = ("brightness × 1.3", "gamma 1.6", "warm cast", "turned 15°", "mirrored", "crop 0.75", "crop 0.5", "blur", "JPEG 30", "text")
PAIRS: Mapping[str, Change] = {f"{a}, {b}": both(CHANGES[a], CHANGES[b]) for a, b in combinations(CHOSEN, 2)}

_OTHERS: Mapping[str, Change] = {
    "brightness × 1.2": _lit(1.2),
    "gamma 0.6": _gamma(0.6),
    "cold cast": _cast(0.85, 1.0, 1.15),
    "contrast × 0.6": lambda p, rng: ImageEnhance.Contrast(p).enhance(0.6),
    "colour × 0.3": lambda p, rng: ImageEnhance.Color(p).enhance(0.3),
    "grey": lambda p, rng: p.convert("L").convert("RGB"),
    "shaded": _shaded,
    "turned 33°": _turned(33),
    "turned 77°": _turned_whole(77),
    "turned 200°": _turned(200),
    "upside down": lambda p, rng: ImageOps.flip(p),
    "crop 0.6 anywhere": _cropped(0.6, centred=False),
    "crop 0.8 anywhere": _cropped(0.8, centred=False),
    "soft": _blurred(0.009),
    "sharpened": lambda p, rng: p.filter(ImageFilter.UnsharpMask(2, 150, 0)),
    "noise": _noisy(0.04),
    "JPEG 20": _jpeg(20),
    "label": _written("ID 0815 left arm", 0.09, 0.8, (0.3, 0.05)),
    "stretched": _scaled(0.75, 1.0),
    "a third of the size": _scaled(0.34, 0.34),
    "framed": _framed,
}
_TWO = ("gamma 0.6", "cold cast", "shaded", "turned 33°", "upside down", "crop 0.6 anywhere", "soft", "JPEG 20", "label", "stretched")
KEPT_BACK: Mapping[str, Change] = {**_OTHERS, **{f"{a}, {b}": both(_OTHERS[a], _OTHERS[b]) for a, b in combinations(_TWO, 2)}}
