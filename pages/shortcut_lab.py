"""Shortcuts: does the classifier use a marker? It is removed and inserted over a dataset, with controls."""

from ui.parts import choice
from ui.parts.components import need, page_title
from ui.services import services
from ui.shortcuts.study import lab

page_title("Shortcuts", "Does the classifier use ink, stickers, rulers, hair, dark corners or bubbles, and does it matter?")
lab(services.model(need(choice.model(), "classifier")), services.dataset(need(choice.dataset(), "dataset")))
