"""All benchmarks, one after the other: `make bench`."""

from bench import engines, forward, metrics, rates, scale, synthesize, training

if __name__ == "__main__":
    for part in (rates, metrics, synthesize, scale, engines, forward, training):
        print(f"\n== {part.__name__}")
        part.main()
