"""A study that `study build` made, as its analysis reads it: key and pictures."""

import io
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipelines.runs import RunError
from workers.catalog import MAX_PIXELS
from workers.images import decode
from workers.storage import Store
from workers.tables import SCHEMAS, is_part

DESIGN, IMAGES = "design.json", "pack/images"


@dataclass(frozen=True)
class Pack:
    """The key of a study (rows of `trials`, options as tuples), and its pictures."""

    store: Store
    trials: pd.DataFrame
    pictures: pd.DataFrame
    methods: list[str]  # in the order of the study's runs

    def picture(self, pair_id: str, method: str) -> np.ndarray | None:
        """What participants saw, (H, W, 3) uint8; None where the pack has none."""
        mine = self.pictures["pair_id"].eq(pair_id) & self.pictures["method"].eq(method)
        if not mine.any():
            return None
        name = f"{IMAGES}/{self.pictures.loc[mine, 'file'].iloc[0]}"
        return decode(self.store.read(name), MAX_PIXELS)


def open_pack(url: str) -> Pack:
    """The study at a URL; RunError, one line, where there is none."""
    store = Store(url)
    trials, pictures = (_table(store, name) for name in ("trials", "pictures"))
    trials["options"] = trials["options"].map(tuple)
    methods = json.loads(store.read(DESIGN))["methods"]
    return Pack(store, trials, pictures, methods)


def _table(store: Store, name: str) -> pd.DataFrame:
    files = [file.name for file in store.list(name) if is_part(file.name)]
    if not files:
        raise RunError(f"{store.url}: no study there (no {name}/*.parquet); pack= wants the folder "
                       "that study build made")  # fmt: skip
    tables = [pq.read_table(io.BytesIO(store.read(file))) for file in files]
    return pd.concat([t.select(SCHEMAS[name].names).to_pandas() for t in tables])
