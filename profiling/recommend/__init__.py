"""What to offer a customer next, and why.

One contract for all recommenders, `Scorer`: `fit` on a snapshot, then `scores` for any customers. `blend.recommend` adds the
standardised scores up, leaves out what a customer already has, and gives the reasons with their evidence.

A customer's scores are the same to the last bit whether he is scored alone or among a million: see `scorers.Content`.
"""

from profiling.recommend.blend import recommend

__all__ = ["recommend"]
