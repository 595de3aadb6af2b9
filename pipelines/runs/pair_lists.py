"""Which column of a list of pairs is the garment, and which the person.

A header says so. Lists of the field have none: person and garment a line, as a rule.
"""

import re
from collections.abc import Callable, Container
from pathlib import PurePosixPath

import pandas as pd

from pipelines.runs.plan import RunError
from pipelines.runs.progress import console
from workers.data.names import canonical_key, short
from workers.data.user_tables import FIELD_ORDER, PairList

CALLED = {"from": "the garment (source)", "to": "the person (pose)"}
PAIRED = "paired: every person gets their own clothes"


def oriented(
    listed: PairList, found: Callable[[pd.DataFrame], int], header: str | None = None
) -> tuple[PairList, str]:
    """A list, turned if its columns stand in the other order; and which of them is which.

    `header` decides, else `found`, which counts what of a table `from,to` is known, else the
    field's order. The sentence is empty where the list has a header of its own.
    """
    if not listed.headless:
        return listed, ""
    why, other = "", listed.turned()
    if header:
        turn = header != ",".join(FIELD_ORDER)
    else:
        here, there = found(listed.table), found(other.table)
        turn = there > here
        why = ", which is the field's order" if here == there else ""
    first, second = FIELD_ORDER[::-1] if turn else FIELD_ORDER
    said = f"column 1 is {CALLED[first]}, column 2 {CALLED[second]}{why}"
    return (other if turn else listed), said


def refuse_products(url: str, table: pd.DataFrame, known: Container[str], catalog: str) -> None:
    """RunError where a list's garments are other pictures than a catalog's photographs.

    `known` are the keys of these. The field's datasets hold garments without a person.
    """
    names = table["from"]
    if any(canonical_key(name) in known for name in names):
        return
    some = names.iloc[0]
    wearer = re.sub("_1$", "_0", canonical_key(some))  # VITON's and DressCode's names
    hint = f", such as {short(wearer)}, who wears it" if wearer in known else ""
    raise RunError(
        f"{url}: none of its garments, such as {short(some)}, is a usable photograph of {catalog}. "
        "A garment is taken from a photograph of somebody who wears it, not from a product "
        f"photograph without a person: list photographs of people{hint}"
    )


def is_paired(table: pd.DataFrame) -> bool:
    """Whether the two columns of a list are one and the same."""
    return all(
        a == b or canonical_key(a) == canonical_key(b)
        for a, b in zip(table["from"], table["to"], strict=True)
    )


def tell(command: str, url: str, table: pd.DataFrame, said: str) -> None:
    """Print what is to be known of a list, a line each."""
    for sentence in (said, PAIRED if is_paired(table) else ""):
        if sentence:
            console.print(f"{command}: {PurePosixPath(url).name}: {sentence}", markup=False)
