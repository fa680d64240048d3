"""What each stage of a day reads and writes, said once, as datasets for a lineage service.

A table of the lake is the lake's address and the table's name; a source is the landing area's address and the source's name;
what is published is the target's address and `profiles`. Names, columns and counts only: no value of any row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from profiling import schemas
from profiling.schemas import Table
from profiling.settings import Settings

# Tables of other stages; what a stage reads of its own earlier days is no edge, and the ledger is bookkeeping.
READS: dict[str, tuple[str, ...]] = {
    "ingest": ("suppressions",),
    "features": (
        "interactions",
        "models",
        "suppressions",
    ),  # and where media are read who allows it: consents and identity_links
    "profile": (
        "interactions",
        "identity_links",
        "attributes",
        "consents",
        "catalogue",
        "text_features",
        "daily_activity",
        "text_activity",
        "facts",
        "fact_corrections",
        "day_statistics",
        "text_statistics",
        "models",
        "suppressions",
    ),
    "publish": ("profiles", "identity_changes", "quarantine", "text_activity", "text_state", "topics", "suppressions"),
}
WRITES: dict[str, tuple[str, ...]] = {
    "ingest": (
        "interactions",
        "attributes",
        "consents",
        "catalogue",
        "identity_links",
        "quarantine",
        "day_statistics",
    ),
    "features": ("text_features", "media_features", "facts", "daily_activity", "text_activity", "text_statistics"),
    "profile": ("profiles", "identity_changes", "activity_state", "text_state", "facts_state", "topics"),
    "publish": (),
}


@dataclass(frozen=True)
class Dataset:
    """`rows`: how many this call read of a source or wrote to a table; None where nobody counted."""

    namespace: str
    name: str
    table: Table | None = None
    rows: int | None = None


def flow(
    settings: Settings, stage: str, sources: Mapping[str, int], written: Mapping[str, int]
) -> tuple[list[Dataset], list[Dataset]]:
    """The inputs and the outputs of one close.

    Args:
        sources: rows read, by source of the landing area.
        written: rows committed, by table.
    """
    lake, target = address(settings.lake), address(settings.publish)
    inputs = [Dataset(address(settings.landing), name, rows=rows) for name, rows in sorted(sources.items())]
    inputs += [Dataset(lake, name, schemas.TABLES[name]) for name in READS[stage]]
    outputs = [Dataset(lake, name, schemas.TABLES[name], written.get(name)) for name in WRITES[stage]]
    if stage == "publish":
        outputs.append(Dataset(target, "profiles", rows=written.get("profiles")))
    return inputs, outputs


def address(location: str) -> str:
    """A location of the settings as a URI: `s3://bucket/prefix`, or `file:///folder`."""
    return location if "://" in location else Path(location).as_uri()
