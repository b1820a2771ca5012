"""Published systems as presets: name → `Preset`. To add one takes a file and a line."""

from core.errors import TrainingError
from models.architectures import alexanderson2024, benbrahim2020, hitta2023, huber2020, steppan2021
from models.architectures.preset import Preset

PRESETS: dict[str, Preset] = {
    p.name: p for p in (benbrahim2020.PRESET, huber2020.PRESET, hitta2023.PRESET, alexanderson2024.PRESET, steppan2021.PRESET)
}


def find_preset(name: str) -> Preset:
    """The preset of that name; raises TrainingError listing all."""
    if name not in PRESETS:
        raise TrainingError(f"unknown preset {name!r}.", todo=f"Choose: {', '.join(PRESETS)}.")
    return PRESETS[name]
