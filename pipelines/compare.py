"""`reposer evaluate compare=[A,B]`: two finished evaluations, pair by pair."""

from configs.schema import EvaluateConfig


def run(config: EvaluateConfig) -> int:
    raise NotImplementedError
