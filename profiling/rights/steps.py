"""The steps of an erasure, in their order: what a DAG needs to know of it when it is parsed."""

ERASURE_STEPS = (
    "suppress", "staging", "models", "cache", "landing", "interactions", "activity", "statements", "profiles", "links",
    "published", "pages", "history", "receipt",
)  # fmt: skip
