"""Cache keys: the digest of a record differs whenever anything in the record does."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel


def digest(value: object) -> str:
    """Hexadecimal SHA-256 of a record's type and, field by field, everything in it.

    A record with an `identity` is represented by that (an image by the hash of its pixels, a dataset by that of its content).
    Raises TypeError for unsupported values rather than leave them out.
    """
    hasher = hashlib.sha256()
    for part in _parts(value):
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    return hasher.hexdigest()


def _parts(value: Any) -> Iterable[bytes | memoryview]:
    yield type(value).__qualname__.encode()
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic | PurePath):
        yield repr(value).encode()
    elif isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            yield from _parts(value.tolist())
        else:
            yield repr((value.dtype.str, value.shape)).encode()
            yield np.ascontiguousarray(value).reshape(-1).view(np.uint8).data if value.size else b""
    elif isinstance(value, pd.DataFrame | pd.Series):
        yield from _parts([(str(c), str(k)) for c, k in value.dtypes.items()] if isinstance(value, pd.DataFrame) else str(value.dtype))
        yield from _parts(pd.util.hash_pandas_object(value).to_numpy())
    elif isinstance(value, BaseModel):
        yield json.dumps(value.model_dump(mode="json"), sort_keys=True).encode()
    elif hasattr(value, "identity"):
        yield from _parts(value.identity)
    elif is_dataclass(value):
        for field in fields(value):
            yield field.name.encode()
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield str(len(value)).encode()
        for name in value:
            yield from _parts(name)
            yield from _parts(value[name])
    elif isinstance(value, list | tuple | set | frozenset):
        yield str(len(value)).encode()
        for one in sorted(value, key=repr) if isinstance(value, set | frozenset) else value:
            yield from _parts(one)
    else:
        raise TypeError(f"cannot take a digest of a {type(value).__name__}")
