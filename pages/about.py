"""About: what LesionLens is for and is not, what stays on this machine, the versions in use, how to cite it, and its known limits."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import streamlit as st

from core.version import __version__
from ui.parts.components import MEANING, page_title

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES = {"tensorflow": "TensorFlow", "keras": "Keras", "tf-keras": "tf-keras", "openvino": "OpenVINO", "streamlit": "Streamlit"}


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


page_title("About LesionLens", f"Version {__version__}. For research and teaching.")
st.warning(f"{MEANING} Do not use it to diagnose, triage or treat anybody.", icon=":material/medical_services:")
left, right = st.columns(2, gap="large")
with left:
    st.subheader("What it is for", anchor=False)
    st.write(
        "LesionLens opens trained skin-lesion classifiers, shows what they look at, audits the datasets behind them, evaluates them by "
        "lesion with 95 % intervals, and tests by experiment whether they rely on markers such as ink, stickers or rulers."
    )
    st.subheader("What stays on this machine", anchor=False)
    st.write(
        "Networks, photographs and results stay in the workspace folder of the machine that runs LesionLens; nothing about their use is "
        "sent anywhere. Only a training that starts from ImageNet weights downloads them."
    )
with right:
    st.subheader("How to cite it", anchor=False)
    citation = (PROJECT / "CITATION.cff").read_text(encoding="utf-8")
    st.write("LesionLens is free software under the Apache License 2.0. Name the version, and the hashes that every export carries.")
    st.download_button("Citation (CFF)", citation, "CITATION.cff", "text/plain", icon=":material/download:", key="citation")
    st.subheader("Versions", anchor=False)
    rows = {"LesionLens": __version__, "Python": platform.python_version()} | {name: installed(key) for key, name in PACKAGES.items()}
    st.table({"software": list(rows), "version": list(rows.values())}, border="horizontal")
with st.expander("Security: what is meant to hold, known limits, how to report a fault", key="fold-security"):
    st.markdown((PROJECT / "SECURITY.md").read_text(encoding="utf-8").partition("\n")[2])
