"""Review: a person confirms or rejects what the marker detectors found, and sees how often they err on this dataset."""

import streamlit as st

from ui.dataset.review import judge
from ui.parts import choice, navigation
from ui.parts.components import need, page_title
from ui.services import audits, services

page_title("Review the markers", "Is what the detectors found really there? Your answers count, and show how often they err here.")
data = services.dataset(need(choice.dataset(), "dataset"))
images = audits.images(data)
if images is None:
    st.info("This dataset was not audited yet, so there is nothing to review.")
    st.page_link(navigation.page("dataset"), label="Audit it on the Dataset page", icon=":material/fact_check:")
else:
    judge(data, images)
