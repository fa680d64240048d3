"""Days beside the days before them, from drop to page; and the page of a day that failed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from profiling import stages
from profiling.errors import GateFailed
from profiling.lake import Lake
from profiling.ledger import days_between
from profiling.settings import Settings
from profiling.stages import _features, _ingest
from tests.stages.test_stages import DAY, drop, purchase

pytestmark = [pytest.mark.slow, pytest.mark.long]  # whole stages

FIRST, LAST = "2026-06-08", "2026-06-14"  # the week before DAY


def week(settings: Settings, rows: int = 20) -> None:
    for day in days_between(FIRST, LAST):
        drop(settings, [purchase(n, f"c{n}", day, event_id=f"{day}-{n}") for n in range(rows)], day)
    list(stages.run_days(settings, FIRST, LAST, ["ingest", "features"]))


def test_an_unusual_day_warns_everywhere_and_stops_nothing(settings: Settings) -> None:
    week(settings)
    drop(settings, [purchase(n, f"c{n}", kind="view", amount=None) for n in range(80)])
    outcomes = {outcome.stage: outcome for outcome in stages.run_days(settings, DAY, DAY)}
    assert {outcome.state for outcome in outcomes.values()} == {"released"}
    ingested = outcomes["ingest"]
    assert [warning.split(":")[0] for warning in ingested.warnings if "PSI" in warning] == ["drift", "drift"]
    assert "volume: events delivered 80 rows; 20 is usual" in " ".join(ingested.warnings)
    assert ingested.metrics["rows_share_events"] == 4.0
    assert ingested.metrics["rejects_share"] == 0.0
    assert ingested.metrics["psi_kind"] > 0.25
    assert ingested.link == f"{settings.lake}/_reports/{DAY}/ingest.html"
    assert "events delivered 80 rows" in Path(ingested.link).read_text()
    published = outcomes["publish"]
    assert published.metrics["psi_kind"] == ingested.metrics["psi_kind"]
    assert published.link is not None
    page = Path(published.link).read_text()
    assert "the distribution of kind has a PSI of" in page
    assert "events 投递了 80 行" in page
    assert stages.stale_days(settings) == []


def test_an_ordinary_day_has_nothing_to_say(settings: Settings) -> None:
    week(settings)
    drop(settings, [purchase(n, f"c{n}") for n in range(19)])
    outcome = stages.ingest(settings, DAY)
    assert [warning for warning in outcome.warnings if not warning.startswith("interactions:")] == []
    assert outcome.metrics["rows_share_events"] == 0.95


def test_a_day_that_is_emptied_leaves_no_statistics(settings: Settings) -> None:
    folder = drop(settings, [purchase(1)])
    stages.ingest(settings, DAY)
    assert len(Lake(settings.lake).read("day_statistics")) > 0
    (folder / "rows.jsonl").write_text("")
    (folder / "_EMPTY").touch()
    stages.ingest(settings, DAY)
    assert Lake(settings.lake).read("day_statistics").empty


def test_a_failed_day_names_its_page_and_the_page_says_why(settings: Settings) -> None:
    drop(settings, [purchase(1), "{broken"])
    with pytest.raises(GateFailed) as raised:
        stages.ingest(settings, DAY)
    link = str(raised.value).rpartition("Report: ")[2]
    page = Path(link).read_text()
    assert "1 of 2 rows were rejected" in page
    assert "Repair the drop and run the day again" in page
    assert "Broken json" in page


@pytest.mark.parametrize("table", ["attributes", "consents", "catalogue"])
def test_statements_are_gated(settings: Settings, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(settings, [purchase(1)])
    rows = {
        "attributes": ("customers", {"identifiers": {"customer": "ann"}, "city": "Berlin"}),
        "consents": ("consents", {"identifiers": {"customer": "ann"}, "purpose": "mail", "status": "granted"}),
        "catalogue": ("catalogue", {"item_id": "guitar", "title": "Guitar"}),
    }
    source, row = rows[table]
    drop(settings, [row | {"stated_at": f"{DAY}T08:00:00Z"}], source=source)
    stages.ingest(settings, DAY)
    assert _suites(settings, "ingest") == ["interactions", table]
    prepared = _ingest._prepared_statements

    def broken(run):
        frames, *rest = prepared(run)
        return ({name: frame.assign(name="x" * 101) for name, frame in frames.items()}, *rest)

    monkeypatch.setattr(_ingest, "_prepared_statements", broken)
    with pytest.raises(GateFailed, match=f"{table}: expect_column_value_lengths_to_be_between"):
        stages.ingest(settings, DAY)


def test_evidence_must_be_of_the_day(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(settings, [purchase(1)])
    stages.ingest(settings, DAY)
    stages.features(settings, DAY)
    assert _suites(settings, "features") == ["daily_activity"]  # a day without texts
    summed = _features.daily_activity_in_pieces

    def elsewhere(*arguments: object) -> Iterator[pd.DataFrame]:
        for frame in summed(*arguments):  # type: ignore[arg-type]
            yield frame.assign(evidence=[[{"interaction_id": "f" * 32, "strength": 1.0}]] * len(frame))

    monkeypatch.setattr(_features, "daily_activity_in_pieces", elsewhere)
    with pytest.raises(GateFailed, match="evidence_is_known"):
        stages.features(settings, DAY)


def _suites(settings: Settings, stage: str) -> list[str]:
    records = Lake(settings.lake).ledger(("stage", "report", "recorded_at"))
    newest = records[(records["stage"] == stage) & records["report"].notna()].iloc[-1]
    return [suite["suite"] for suite in json.loads(newest["report"])["suites"]]
