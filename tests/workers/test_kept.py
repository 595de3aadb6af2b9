"""What is kept, within bytes."""

from hypothesis import given
from hypothesis import strategies as st

from workers.data.kept import Kept

MOST = 100
uses = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 150)), max_size=60)


@given(uses)
def test_the_newest_and_those_used_last_are_kept_within_the_bound(used: list) -> None:
    kept: Kept[int, tuple[int, int]] = Kept(MOST)
    order: list[int] = []  # keys, by their last use
    sizes: dict[int, int] = {}
    for key, size in used:
        found = kept.get(key)
        assert (found is not None) == (key in order)
        if found is None:
            kept.keep(key, (key, size), size)
            sizes[key] = size
        else:
            assert found[0] == key
            order.remove(key)
        order.append(key)
        while len(order) > 1 and sum(sizes[k] for k in order) > MOST:
            order.pop(0)
        assert len(kept) == len(order)
        assert kept.bytes == sum(sizes[k] for k in order)
    kept.clear()
    assert (len(kept), kept.bytes) == (0, 0)


def test_a_key_that_is_kept_again_counts_once() -> None:
    kept: Kept[str, int] = Kept(MOST)
    for value in range(5):
        assert kept.keep("same", value, 60) == value
    kept.keep("other", 0, 40)
    assert (kept.get("same"), kept.get("other"), kept.bytes) == (4, 0, 100)
