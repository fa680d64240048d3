"""What `profiling.lineage` says of a stage is what the stage really does to the lake."""

from pathlib import Path

import pytest

from profiling import lineage, schemas, stages
from profiling.collect.sample import write_sample
from profiling.lake import Lake
from profiling.settings import Settings

pytestmark = pytest.mark.slow  # whole stages

DAYS = (
    "2026-06-20",
    "2026-06-21",
    "2026-06-22",
)  # over a Sunday: the first profile after it writes the week's checkpoint


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """The tables that the lake was asked to read and to write."""
    seen: dict[str, set[str]] = {"read": set(), "written": set()}

    def watch(method: str, into: str) -> None:
        real = getattr(Lake, method)

        def call(self: Lake, name: str, *arguments: object, **more: object) -> object:
            seen[into].add(name)
            return real(self, name, *arguments, **more)

        monkeypatch.setattr(Lake, method, call)

    watch("read", "read")
    watch("read_before", "read")
    watch("replace", "written")
    return seen


def test_a_stage_reads_and_writes_what_its_lineage_says(settings: Settings, touched: dict[str, set[str]]) -> None:
    settings = settings.model_copy(update={"max_rejects": 0.5})
    write_sample(Path(settings.landing), customers=8, days=10)
    read: dict[str, set[str]] = {stage: set() for stage in stages.STAGES}
    written: dict[str, set[str]] = {stage: set() for stage in stages.STAGES}
    for day in DAYS:
        for stage in stages.STAGES:
            touched["read"].clear()
            touched["written"].clear()
            outcome = getattr(stages, stage)(settings, day)
            read[stage] |= touched["read"]
            written[stage] |= touched["written"]
    for stage in stages.STAGES:
        assert written[stage] == set(lineage.WRITES[stage]), stage
        assert read[stage] - written[stage] - {schemas.LEDGER.name} == set(lineage.READS[stage]), stage
    inputs, outputs = lineage.flow(settings, outcome.stage, outcome.sources, outcome.written)
    assert ("profiles", None) in {(one.name, one.rows) for one in inputs}
    assert [(one.name, one.rows) for one in outputs] == [("profiles", outcome.counts["customers"])]


def test_rows_are_counted_by_source_and_by_table(settings: Settings) -> None:
    settings = settings.model_copy(update={"max_rejects": 0.5})
    write_sample(Path(settings.landing), customers=8, days=10)
    outcome = stages.ingest(settings, DAYS[0])
    assert sum(outcome.sources.values()) == outcome.counts["read"]
    assert outcome.written["quarantine"] == outcome.counts["quarantined"]
    assert set(outcome.written) == set(lineage.WRITES["ingest"])


@pytest.mark.parametrize(
    ("location", "uri"),
    [("/srv/lake", "file:///srv/lake"), ("s3://company-lake/profiling", "s3://company-lake/profiling")],
)
def test_a_dataset_is_named_by_an_address_that_others_can_join_on(location: str, uri: str) -> None:
    assert lineage.address(location) == uri
