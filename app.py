"""LesionLens in the browser: `streamlit run app.py`.

The script behind every page is `ui/frame/frame.py`; here it is wrapped as an ASGI application, so that what stands in front of it guards
everything the server responds to: pages, uploads, images and websockets. Unsafe settings end the start before anything is served.
"""

import streamlit as st

from ui.frame.guard import guard

app = st.App("ui/frame/frame.py", middleware=guard())
