"""LesionLens in the browser: `streamlit run app.py`.

The script behind every page is `ui/frame/frame.py`; here it is wrapped as an ASGI application, so that the
sign-in gate guards everything the server responds to: pages, uploads, images and websockets.
"""

import streamlit as st

from ui.frame.signin import gate

app = st.App("ui/frame/frame.py", middleware=gate())
