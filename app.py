"""Geoloc's web app: page set-up and navigation, no logic. Run with `streamlit run app.py`."""

from __future__ import annotations

import streamlit as st

from pages.parts import frame

st.set_page_config(page_title="Geoloc", page_icon="static/favicon.png", layout="wide")
frame.mark()
page = st.navigation(
    [
        st.Page("pages/locate.py", title="Locate a photo", icon=":material/travel_explore:", default=True),
        st.Page("pages/text_map.py", title="Text to map", icon=":material/public:"),
        st.Page("pages/galleries.py", title="Galleries and models", icon=":material/collections_bookmark:"),
        st.Page("pages/about.py", title="About", icon=":material/info:"),
    ],
    position="top",
)
frame.follow_deep_link()
frame.dress()
page.run()
