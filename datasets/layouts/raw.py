"""What a layout reads, before it is checked."""

from dataclasses import dataclass, field

import pandas as pd


@dataclass
class Raw:
    """A frame of text and the meaning of its columns; `file` may name each row's image. notes: unreadable metadata files."""

    frame: pd.DataFrame
    columns: dict[str, str]
    source: str = ""
    notes: list[str] = field(default_factory=list)
