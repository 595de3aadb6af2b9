"""All benchmarks, one after the other: `make bench`."""

from bench import densepose, engines, forward, metrics, rates, scale, synthesize

if __name__ == "__main__":
    for part in (rates, metrics, synthesize, scale, engines, forward, densepose):
        print(f"\n== {part.__name__}")
        part.main()
