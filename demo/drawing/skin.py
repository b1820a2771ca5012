"""Skin of the six Fitzpatrick types (Fitzpatrick 1988), seen through a dermatoscope, and pigment in it."""

import cv2
import numpy as np

from imaging.fields import Rng, smooth_noise

TONES = {"I": (240, 205, 190), "II": (231, 188, 166), "III": (214, 164, 134), "IV": (186, 131, 98), "V": (140, 92, 64), "VI": (92, 60, 44)}

# how much a unit of pigment takes from red, green and blue (melanin darkens blue most, blood green)
MELANIN = np.array([0.55, 0.95, 1.25], np.float32)
BLOOD = np.array([0.12, 0.95, 0.75], np.float32)
BLUE_GREY = np.array([0.95, 0.70, 0.42], np.float32)  # melanin deep in the dermis looks blue
YELLOW = np.array([0.05, 0.18, 0.75], np.float32)


def absorb(image: np.ndarray, amount: np.ndarray, pigment: np.ndarray) -> np.ndarray:
    """Light left after a pigment of an amount (H, W) (Beer–Lambert); image float32 (H, W, 3)."""
    optical_depth = cv2.transform(np.asarray(amount, np.float32), pigment[:, None])
    return image * cv2.exp(-optical_depth)


def draw_skin(rng: Rng, size: tuple[int, int], tone: str) -> np.ndarray:
    """float32 RGB 0–255 (H, W, 3): colour of the type, mottling, fine furrows, redness."""
    base = np.array(TONES[tone], np.float32) * rng.normal(1, 0.03, 3).astype(np.float32)
    image = np.ones((*size, 3), np.float32) * base
    image = absorb(image, 0.05 * smooth_noise(rng, size, 60) + 0.025 * smooth_noise(rng, size, 14), MELANIN)
    image = absorb(image, 0.06 * smooth_noise(rng, size, 35).clip(0), BLOOD)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    for _ in range(2):
        turn, pitch = rng.uniform(0, np.pi), rng.uniform(9, 15)
        wave = (x * np.cos(turn) + y * np.sin(turn)) / pitch + 0.9 * smooth_noise(rng, size, 30)
        image = absorb(image, 0.045 * np.exp(-8 * np.sin(wave * np.pi) ** 2), MELANIN)
    return image + rng.normal(0, 1.5, (*size, 1)).astype(np.float32)
