"""Choosing one image: from the dataset by search, filters and a table of thumbnails, or an upload."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from core.text import literal
from core.wording import count
from datasets.dataset import Dataset
from imaging.decode import SUFFIXES
from imaging.picture import Picture
from ui.parts import choice
from ui.parts.components import code_key, show_errors, thumbnail_urls
from ui.services import services

PAGE = 20
MAX_UPLOAD_MB = 60
Picked = tuple[float, float] | list[str]  # of a column: a range, or values
MAX_VALUES = 300  # a column with more distinct values is searched, not listed


@dataclass(frozen=True)
class Chosen:
    """An image to look at. image_id: None for an upload."""

    picture: Picture
    name: str
    data: Dataset | None = None
    image_id: str | None = None

    @property
    def image(self) -> np.ndarray:
        """uint8 RGB (H, W, 3)."""
        return self.picture.pixels


def choose_image(data: Dataset | None) -> Chosen | None:
    """The chosen image, or None where there is none to show. The choice is in the address."""
    with st.expander("Choose an image", key="fold-images", icon=":material/photo_library:"):
        from_data, own = st.tabs(["From the dataset", "Upload"])
        with own:
            uploaded = _upload()
        with from_data:
            if data is None:
                st.info("No dataset is selected.")
            else:
                _table(data)
    if uploaded is not None:
        st.caption(f"Your upload {literal(uploaded.name)} is shown. Remove it above to return to the dataset.")
        return uploaded
    image_id = _current(data) if data is not None and len(data) else None
    if data is not None and image_id is not None:
        with show_errors():
            return Chosen(services.picture(data, image_id), image_id, data, image_id)
    return None


def _current(data: Dataset) -> str | None:
    """The image in the address if the dataset holds it, else the one chosen before, else the first with a file."""
    wanted = st.query_params.get(choice.IMAGE) or st.session_state.get(choice.IMAGE)
    known = data.table["image_id"]
    if wanted is not None and wanted not in set(known):
        if st.query_params.get(choice.IMAGE):
            st.warning(f"The dataset {literal(data.name)} has no image “{literal(wanted, 80)}”. The first image is shown instead.")
        wanted = None
    if wanted is None:
        with_file = known[data.table["file"].notna()]
        if with_file.empty:
            st.info("No row of this dataset has an image file.")
            return None
        wanted = str(with_file.iloc[0])
    _set(wanted)
    return wanted


def _set(image_id: str) -> None:
    st.session_state[choice.IMAGE] = image_id
    if st.query_params.get(choice.IMAGE) != image_id:
        st.query_params[choice.IMAGE] = image_id


def filter_rows(table: pd.DataFrame, search: str, picked: Mapping[str, Picked]) -> pd.DataFrame:
    """Rows with the search text in one of their text columns, and with the picked values or a value in the picked range."""
    kept = pd.Series(True, table.index)
    if text := search.strip().lower():
        written = table.select_dtypes(exclude="number")
        hits = written.astype(str).apply(lambda column: column.str.lower().str.contains(text, regex=False)) & written.notna()
        kept = hits.any(axis=1)
    for column, values in picked.items():
        if isinstance(values, tuple):
            kept &= table[column].between(*values)
        elif values:
            kept &= table[column].astype(str).isin(values)
    return table[kept]


def _table(data: Dataset) -> None:
    left, right = st.columns([2, 3])
    search = left.text_input("Search", key="search", placeholder="image ID, lesion ID, site…", bind="query-params")
    columns = [c for c in data.table.columns if c not in ("file", "image_id", "label") and data.table[c].notna().any()]
    by = right.multiselect("Filter by", columns, key=f"by-{data.name}", placeholder="any column")
    picked = {column: _filter(data.table[column], column) for column in by}
    rows = filter_rows(data.table, search, {k: v for k, v in picked.items() if v is not None})
    if rows.empty:
        st.info("No image matches. Change the search or the filters.")
        return
    pages = (len(rows) - 1) // PAGE + 1
    page = st.number_input(f"Page of {pages:,} ({count(len(rows), 'image')})", 1, pages, 1, key=f"page-{data.name}-{len(rows)}")
    shown = rows.iloc[(page - 1) * PAGE : page * PAGE]
    frame = shown[["image_id", "diagnosis", "age", "sex", "site", "split", "lesion_id"]].dropna(axis=1, how="all")
    frame.insert(0, "picture", thumbnail_urls(data, shown["image_id"].tolist()))
    form = {"picture": st.column_config.ImageColumn("picture", width="small"), "age": st.column_config.NumberColumn(format="%d")}
    event = st.dataframe(
        frame,
        hide_index=True,
        row_height=56,
        height=330,
        on_select="rerun",
        selection_mode="single-row",
        column_config=form,
        key=f"rows-{data.name}-{page}-{len(rows)}-{search}",
        alt="Images that match the search; select a row to inspect the image",
    )
    code_key(sorted(shown["diagnosis"].dropna().unique()))
    selected = event["selection"]["rows"]
    last = (data.name, page, search, tuple(selected))
    if selected and st.session_state.get("last-row") != last:
        st.session_state["last-row"] = last
        _set(str(shown["image_id"].iloc[selected[0]]))


def _filter(values: pd.Series, column: str) -> Picked | None:
    if pd.api.types.is_numeric_dtype(values):
        low, high = float(values.min()), float(values.max())
        return st.slider(literal(column), low, high, (low, high)) if low < high else None
    distinct = values.dropna().astype(str)
    if distinct.nunique() > MAX_VALUES:
        st.caption(f"{literal(column)} has {distinct.nunique():,} distinct values: use the search.")
        return None
    return st.multiselect(literal(column), sorted(distinct.unique()), key=f"filter-{column}")


def _upload() -> Chosen | None:
    label = f"A dermoscopy photograph (JPEG, PNG, TIFF, BMP, WebP, HEIC; up to {MAX_UPLOAD_MB} MB)"
    file = st.file_uploader(label, [s.lstrip(".") for s in SUFFIXES], max_upload_size=MAX_UPLOAD_MB, key="upload")
    st.caption("It is kept in memory, for you alone, until you leave. Location and camera data are dropped.")
    if file is None:
        return None
    with show_errors():
        picture = services.uploaded_picture(file.getvalue(), file.name)
        if st.button("Keep it in the workspace", help="Everybody who opens this workspace will see it, in the dataset “kept-images”."):
            kept = services.workspace().keep_image(picture.pixels)
            st.success(f"Kept as {literal(kept)} in the dataset “kept-images”.")
        return Chosen(picture, file.name)
    return None
