"""Similarity of maps, pair by pair."""

import numpy as np

WINDOW = 7


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rank correlation of signed maps, float (N,), −1…1; NaN where either map is constant.

    a, b: float (N, h, w), pairs in order.
    """
    from scipy.stats import rankdata

    x, y = (rankdata(m.reshape(len(m), -1), axis=1) for m in (a, b))
    x, y = (r - r.mean(axis=1, keepdims=True) for r in (x, y))
    below = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.divide((x * y).sum(axis=1), below, out=np.full(len(a), np.nan), where=below > 0)


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang 2004, doi:10.1109/TIP.2003.819861), float (N,); NaN where either map is empty.

    a, b: float (N, h, w). Each map is divided by its largest absolute value. Gaussian window of 7 cells, or the size of
    smaller maps.
    """
    import tensorflow as tf

    tops = [np.abs(m).max(axis=(1, 2), initial=0) for m in (a, b)]
    full = (tops[0] > 0) & (tops[1] > 0)
    found = np.full(len(a), np.nan)
    if full.any():
        one, two = ((m[full] / top[full, None, None])[..., None].astype(np.float32) for m, top in zip((a, b), tops, strict=True))
        found[full] = tf.image.ssim(one, two, max_val=2.0, filter_size=min(WINDOW, *a.shape[1:])).numpy()
    return found
