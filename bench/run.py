"""All benchmarks, one after the other: `make bench`."""

from bench import (
    bodyfit,
    coverage,
    densepose,
    engines,
    forward,
    host,
    metrics,
    rates,
    scale,
    study,
    synthesize,
    training,
)

PARTS = (
    coverage,
    rates,
    host,
    metrics,
    synthesize,
    scale,
    study,
    engines,
    forward,
    training,
    bodyfit,
    densepose,
)

if __name__ == "__main__":
    for part in PARTS:
        print(f"\n== {part.__name__}")
        part.main()
