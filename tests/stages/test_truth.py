"""What was planted in the sample comes out: interests, churn, duplicates, rejects, late rows, redactions.

The thresholds are below what `make evaluate` measures on the whole sample (docs/results.md): a smaller shop needs some room.
"""

from pathlib import Path

import pytest

from profiling import stages
from profiling.collect.sample import write_sample
from profiling.settings import Settings
from scripts.evaluate import sample_scores
from tests.worlds import ledger_closes, settings_in

pytestmark = [pytest.mark.slow, pytest.mark.long]

THRESHOLDS = {
    "interest_precision": 0.75,
    "interest_recall": 0.75,
    "churn_recall": 0.7,
    "churn_precision": 0.7,
    "exact_duplicates": 1.0,
    "near_duplicates": 1.0,
    "rejects": 1.0,
    "late": 1.0,
    "redactions": 1.0,
    "redacted_rows": 1.0,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> Settings:
    root = tmp_path_factory.mktemp("shop")
    settings = settings_in(root, static_cache)
    write_sample(root / "landing", customers=40, days=70, seed=11)
    list(stages.run_days(settings, "2026-04-20", "2026-06-28", ["ingest", "features"]))
    list(stages.run_days(settings, "2026-06-28", "2026-06-28", ["profile"]))
    return settings


@pytest.fixture(scope="module")
def scores(shop: Settings) -> dict[str, float]:
    return sample_scores(shop, "2026-06-28")


@pytest.mark.parametrize("name", THRESHOLDS)
def test_the_truth_is_recovered(scores: dict[str, float], name: str) -> None:
    assert scores[name] >= THRESHOLDS[name]


def test_nothing_else_was_rejected(scores: dict[str, float]) -> None:
    assert scores["wrong_rejects"] == 0


def test_the_ledger_closes_for_every_file(shop: Settings) -> None:
    assert ledger_closes(shop) >= 70
