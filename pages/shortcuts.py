"""Shortcuts: does the classifier use a marker? Taken away and put in, beside controls, over a dataset."""

from ui import choice, services
from ui.components import need, page_title
from ui.lab import lab

page_title("Shortcuts", "Does the classifier use ink, stickers, rulers, hair, dark corners or bubbles, and does it matter?")
lab(services.model(need(choice.model(), "classifier")), services.dataset(need(choice.dataset(), "dataset")))
