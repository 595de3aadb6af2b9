"""All benchmarks, one after the other: `make bench`."""

from bench import coverage, engines, forward, metrics, rates, scale, study, synthesize

if __name__ == "__main__":
    for part in (coverage, rates, metrics, synthesize, scale, study, engines, forward):
        print(f"\n== {part.__name__}")
        part.main()
