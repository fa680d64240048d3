"""Erasure where lake and publication are buckets that keep every version of every object."""

from pathlib import Path
from typing import Any

import pytest

from profiling import stages
from profiling.lake import Lake
from profiling.publish import open_target, read_published
from profiling.rights import requests
from profiling.settings import Settings
from tests import leaks
from tests.rights.erasing import DAYS, NAMES, PRIVATE, event, lines, write
from tests.s3 import S3

pytestmark = pytest.mark.slow


def everything(server: S3) -> list[tuple[str, bytes]]:
    """(key, body) of every version of every object, those a reader does not see any more too."""
    client = server.client()
    pages = client.get_paginator("list_object_versions").paginate(Bucket=server.bucket)
    found: list[tuple[str, bytes]] = []
    for each in [version for page in pages for version in page.get("Versions", ())]:
        body: Any = client.get_object(Bucket=server.bucket, Key=each["Key"], VersionId=each["VersionId"])["Body"].read()
        found.append((each["Key"], body))
    return found


def holding(server: S3, words: list[str]) -> list[str]:
    sought = [form for word in words for form in leaks.forms(word)]
    return [key for key, body in everything(server) if any(w in b for w in sought for b in leaks.bodies(key, body))]


@pytest.mark.timeout(300)
def test_no_version_of_any_object_holds_the_person(settings: Settings, s3: S3) -> None:
    s3.client().put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": "Enabled"})
    there = {"lake": f"{s3.uri}/lake", "publish": f"{s3.uri}/shop", "s3_endpoint": s3.endpoint}
    settings = settings.model_copy(update=there)
    rows = [
        event(1, "ann", DAYS[0]),
        event(2, NAMES[0], DAYS[0], "review", text=PRIVATE, rating=1, identifiers={"customer": NAMES[0], "email": NAMES[1]}),
        event(3, "bob", DAYS[0], "review", text="The lamp is fine and gives good light.", rating=4),
    ]  # fmt: skip
    write(settings, "events", DAYS[0], "rows.jsonl", lines(rows))
    list(stages.run_days(settings, DAYS[0], DAYS[0]))
    lake = Lake(settings.lake, s3.endpoint)
    who = requests.ask(settings, [f"customer:{NAMES[0]}"])
    words = [*who.identities, "quetzalcoatlus", *NAMES]
    assert len(who.identities) == 2
    assert holding(s3, words), "the search is blind"
    before = [document["customer_id"] for document in read_published(open_target(settings.publish, s3.endpoint))]
    stages.erase(settings, who.id)
    assert holding(s3, words) == []
    after = [document["customer_id"] for document in read_published(open_target(settings.publish, s3.endpoint))]
    assert after == [customer for customer in before if customer not in who.identities]
    assert lake.rows("interactions") == 2
    assert leaks.find([Path(settings.landing)], words) == []
