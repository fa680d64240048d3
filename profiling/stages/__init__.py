"""The stages: the only glue. Each reads through the lake, calls pure functions, gates, and writes through the lake.

`ingest`, `features` and `profile` work in two steps. Buckets of customers are computed into staging, in any order and on any
machine; one close gates the whole staged day and commits it, the ledger last. Called with neither `bucket` nor `close`, a stage
does both. A killed or failed call leaves the last good state readable, and the same call again repairs the day.
"""

from profiling.stages._days import WEEKLY, is_current, run_days, stale_days
from profiling.stages._erase import Erased, erase
from profiling.stages._features import features
from profiling.stages._ingest import ingest
from profiling.stages._predict import predict_text
from profiling.stages._profile import profile
from profiling.stages._promote import promote, roll_back
from profiling.stages._publish import publish
from profiling.stages._redact import CURRENT, days_to_redact, redact
from profiling.stages._release import Release, release_statistics
from profiling.stages._retain import Retained, retain
from profiling.stages._step import STAGES, Outcome, parse_day
from profiling.stages._train import Candidate, train
from profiling.stages._vectors import Vectors, train_vectors

__all__ = [
    "CURRENT",
    "STAGES",
    "WEEKLY",
    "Candidate",
    "Erased",
    "Outcome",
    "Release",
    "Retained",
    "Vectors",
    "days_to_redact",
    "erase",
    "features",
    "ingest",
    "is_current",
    "parse_day",
    "predict_text",
    "profile",
    "promote",
    "publish",
    "redact",
    "release_statistics",
    "retain",
    "roll_back",
    "run_days",
    "stale_days",
    "train",
    "train_vectors",
]
