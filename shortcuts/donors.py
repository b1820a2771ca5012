"""Photographs that lend their skin: where a marker leaves none of its own for a control, a like photograph without it takes its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import ImageError
from datasets.dataset import Dataset
from models.card import ModelCard
from shortcuts.experiment import Subject
from shortcuts.subjects import fit, outline_image

OF_EACH, AT_MOST = 8, 60  # photographs of each diagnosis, and in all


@dataclass(frozen=True)
class Donors:
    """subjects: diagnosis ("" where it is not known) → photographs as the network gets them."""

    subjects: Mapping[str, Sequence[Subject]]

    def lend(self, marker: str, diagnosis: str, rng: np.random.Generator) -> Subject | None:
        """One without the marker, of the same diagnosis if there is one."""
        others = [s for key, found in self.subjects.items() if key != diagnosis for s in found]
        for among in (self.subjects.get(diagnosis, ()), others):
            clean = [s for s in among if marker not in s.markers]
            if clean:
                return clean[int(rng.integers(len(clean)))]
        return None


NOBODY = Donors({})


def find_donors(card: ModelCard, data: Dataset, seed: int) -> Donors:
    """The same photographs in every run of the same seed; what cannot be read is passed over."""
    table = data.table[data.table["file"].notna()]
    rng = np.random.default_rng([seed, 1])
    chosen: dict[str, list[Subject]] = {}
    for diagnosis, rows in table.groupby(table["diagnosis"].fillna("")):
        ids = rows["image_id"].to_numpy(object)
        for image_id in ids[rng.permutation(len(ids))[:OF_EACH]]:
            if sum(map(len, chosen.values())) >= AT_MOST:
                return Donors(chosen)
            try:
                chosen.setdefault(str(diagnosis), []).append(fit(card, outline_image(data, str(image_id))))
            except ImageError:  # the run itself tells of it
                continue
    return Donors(chosen)
