"""The key of a study: what its trials showed, and where the pictures are."""

import io
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipelines.runs.plan import RunError
from pipelines.study.files import DESIGN, PACK, PICTURES, TRIALS
from workers.data.catalog import MAX_PIXELS
from workers.data.images import decode
from workers.data.storage import Store


@dataclass(frozen=True)
class Key:
    """The rows of `trials` (options as tuples) and `pictures`, and where the pictures lie."""

    store: Store
    trials: pd.DataFrame
    pictures: pd.DataFrame
    methods: list[str]  # in the order of the study's comparisons

    def picture(self, pair_id: str, method: str) -> np.ndarray | None:
        """The picture that participants saw, (H, W, 3) uint8; None if there was none."""
        mine = self.pictures["pair_id"].eq(pair_id) & self.pictures["method"].eq(method)
        if not mine.any():
            return None
        name = f"{PACK}/images/{self.pictures.loc[mine, 'file'].iloc[0]}"
        return decode(self.store.read(name), MAX_PIXELS)


def open_key(url: str) -> Key:
    """The key of the study at a URL; RunError, one line, where there is none."""
    store = Store(url)
    try:
        design = json.loads(store.read(DESIGN))
    except FileNotFoundError:
        raise RunError(
            f"{url}: no study there (no {DESIGN}); pack= wants the folder that study "
            "build made, which holds pack/ and the key"
        ) from None
    trials = _table(store, TRIALS)
    trials["options"] = trials["options"].map(tuple)
    methods = [method for comparison in design["comparisons"] for method in comparison]
    return Key(store, trials, _table(store, PICTURES), list(dict.fromkeys(methods)))


def _table(store: Store, name: str) -> pd.DataFrame:
    return pq.read_table(io.BytesIO(store.read(name))).to_pandas()
