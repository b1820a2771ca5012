"""Numbers in sentences."""


def count(n: int, one: str, many: str = "") -> str:
    """`1 image`, `1,204 images`; many: the plural where it is not `one` with an s."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
