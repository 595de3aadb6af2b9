"""All benchmarks, one after the other: `make bench`."""

from bench import engines, forward, metrics, rates, synthesize

if __name__ == "__main__":
    for part in (rates, metrics, synthesize, engines, forward):
        print(f"\n== {part.__name__}")
        part.main()
