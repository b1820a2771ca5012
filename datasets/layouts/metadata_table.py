"""A table with a row per image, and images somewhere below the same folder."""

from datasets.files import Listing, stem
from datasets.tables import ALIASES, Raw, header, plain_name, raw_table

MOST_HEADERS, MOST_TABLES = 1_000, 40  # looked at; read whole
IMAGE_NAMES = set(ALIASES["image_id"])


def read_ham10000(listing: Listing) -> Raw | None:
    """HAM10000's own columns (Tschandl 2018): lesion_id, image_id, dx."""
    return _read_with(listing, {"lesion_id", "image_id", "dx"})


def read_isic_cli(listing: Listing) -> Raw | None:
    """An `isic image download`: metadata.csv with isic_id and licence columns."""
    return _read_with(listing, {"isic_id", "attribution"}) or _read_with(listing, {"isic_id", "copyright_license"})


def read_any(listing: Listing) -> Raw | None:
    """The table with an image column that names the most images."""
    stems = {s.lower() for s in listing.by_stem()}
    best: tuple[int, Raw] | None = None
    for table in _of_images(listing):
        raw = raw_table(listing, table)
        if raw is None or "image_id" not in raw.columns:
            continue
        named = raw.frame[raw.columns["image_id"]].dropna().map(lambda v: stem(str(v).replace("\\", "/")).lower())
        score = int(named.isin(stems).sum()) + ("diagnosis" in raw.columns)
        if best is None or score > best[0]:
            best = score, raw
    return best[1] if best else None


def _read_with(listing: Listing, wanted: set[str]) -> Raw | None:
    fitting = (t for t in _tables(listing) if wanted <= {c.lower() for c in header(listing, t)})
    return next((raw for t in fitting if (raw := raw_table(listing, t)) is not None), None)


def _tables(listing: Listing) -> list[str]:
    """Those nearest the top first; what lies beyond the first MOST_HEADERS is noted."""
    found = sorted((t for t in listing.tables if not t.endswith(".txt")), key=lambda t: (t.count("/"), t))
    listing.refused |= {t: f"{t}: not looked at, because {MOST_HEADERS:,} others come first" for t in found[MOST_HEADERS:]}
    return found[:MOST_HEADERS]


def _of_images(listing: Listing) -> list[str]:
    """Those with a column that could name images; what lies beyond the first MOST_TABLES is noted."""
    found = [t for t in _tables(listing) if IMAGE_NAMES & {plain_name(c) for c in header(listing, t)}]
    listing.refused |= {t: f"{t}: not read, because {MOST_TABLES} other tables of images come first" for t in found[MOST_TABLES:]}
    return found[:MOST_TABLES]
