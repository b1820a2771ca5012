"""The pages, in the order of the menu: one script in `pages/` and one row here each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

FOLDER = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True)
class PageRow:
    """A page: its address, its script in `pages/`, its name and sign in the menu, and what Start says of it (nothing: no card).

    A script is never named like a room, which it would hide where Streamlit puts its folder on the import path.
    """

    address: str
    script: str
    title: str
    icon: str
    invitation: str = ""


PAGES = {
    row.address: row
    for row in (
        PageRow("start", "start", "Start", "home"),
        PageRow(
            "inspect",
            "inspect_image",
            "Inspect an image",
            "visibility",
            "What did the network look at? Heatmap beside the photograph, scores of all classes, facts.",
        ),
        PageRow(
            "dataset",
            "dataset",
            "Dataset",
            "bar_chart",
            "What does it consist of? Classes, ages, sites, splits, missing values; charts filter the gallery.",
        ),
        PageRow("review", "review", "Review", "rule"),
        PageRow(
            "evaluate",
            "evaluate",
            "Evaluate",
            "grid_on",
            "How well does it do, class by class? Confusion matrix with the images behind every cell.",
        ),
        PageRow("shortcuts", "shortcut_lab", "Shortcuts", "science"),
        PageRow(
            "training",
            "train",
            "Training",
            "model_training",
            "What is a published result worth? Train one of five systems on your data, split as it should be.",
        ),
        PageRow(
            "classifier",
            "classifier",
            "Classifier",
            "network_node",
            "What is in the file, what does its card say, and do labelled images support the card?",
        ),
        PageRow("learn", "learn", "Learn", "school", "Grad-CAM step by step on an image of your choice, with the actual numbers."),
        PageRow("about", "about", "About", "info"),
    )
}


EXPERIMENT, REPAIR = "Does the classifier use them?", "Repair the data"  # parts of Shortcuts
GROUPS = "Groups"  # a part of Evaluate


@dataclass(frozen=True)
class Step:
    """What to do next about something that was found: a page, and what is chosen there beside what was found."""

    address: str
    label: str
    icon: str
    chosen: Mapping[str, str] = field(default_factory=dict)


STEPS = {
    "review": Step("review", "Review", "rule"),
    "test": Step("shortcuts", "Does it matter?", "science", {"lab-part": EXPERIMENT}),
    "repair": Step("shortcuts", "Repair", "build", {"lab-part": REPAIR}),
    "compare": Step("evaluate", "Compare by it", "grid_on", {"section": GROUPS}),
}


def next_step(place: DeltaGenerator, step: str, chosen: Mapping[str, str]) -> None:
    """A link to a step, with a selection (dataset, marker, column) carried along."""
    row = STEPS[step]
    link = {**chosen, **row.chosen}
    place.page_link(page(row.address), label=row.label, icon=f":material/{row.icon}:", query_params=link)


def page(address: str) -> StreamlitPage:
    """A page by its address, for the menu and for links."""
    row = PAGES[address]
    icon = f":material/{row.icon}:"
    return st.Page(FOLDER / f"{row.script}.py", title=row.title, icon=icon, url_path=address, default=address == "start")
