"""Numbers in sentences."""


def count(n: int, noun: str) -> str:
    """`1 image`, `1,204 images`; the plural takes an s."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
