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
from tests.rights.erasing import DAYS, NAMES, PRIVATE, deliver, event, lines, person, run, write
from tests.s3 import S3

pytestmark = [pytest.mark.slow, pytest.mark.long]


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


def uploaded(s3: S3, folder: Path) -> dict[str, bytes]:
    """Every file of a folder put into the bucket as `landing/...`."""
    files = {
        f"landing/{file.relative_to(folder).as_posix()}": file for file in sorted(folder.rglob("*")) if file.is_file()
    }
    for key, file in files.items():
        s3.client().put_object(Bucket=s3.bucket, Key=key, Body=file.read_bytes())
    return {key: file.read_bytes() for key, file in files.items()}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("keeps_versions", [True, False], ids=["versions", "no versions"])
def test_drops_in_a_bucket_lose_the_person_and_bring_nothing_back(
    settings: Settings, s3: S3, keeps_versions: bool
) -> None:
    """All forms of drop; one delivered again without her, and one that is gone: older versions of both hold her."""
    client, local = s3.client(), settings
    if keeps_versions:
        client.put_bucket_versioning(Bucket=s3.bucket, VersioningConfiguration={"Status": "Enabled"})
    settings = local.model_copy(update={"landing": f"{s3.uri}/landing", "s3_endpoint": s3.endpoint, "max_rejects": 0.1})
    deliver(local)
    write(local, "events", DAYS[1], "late.jsonl", lines([event(150, NAMES[0], DAYS[1])]))
    uploaded(s3, Path(local.landing))
    late = write(local, "events", DAYS[1], "late.jsonl", lines([event(151, "dan", DAYS[1])]))
    uploaded(s3, Path(local.landing))
    client.put_object(
        Bucket=s3.bucket, Key="landing/events/2026-06-01/rows.jsonl", Body=lines([event(1, NAMES[0], DAYS[0])])
    )
    client.delete_object(Bucket=s3.bucket, Key="landing/events/2026-06-01/rows.jsonl")
    run(settings)
    she = person(settings)
    words = [*NAMES, "quetzalcoatlus", "Nowheresville"]
    assert {word for word in words if holding(s3, [word])} == set(words), "the search is blind"
    request = requests.ask(settings, [f"email:{NAMES[1]}"])
    done = stages.erase(settings, request.id)
    assert holding(s3, words) == []
    assert leaks.find([Path(settings.lake), Path(settings.publish)], she.traces) == []
    assert done.receipt
    assert (done.receipt["counts"]["older versions of drops"] > 0) == keeps_versions
    assert stages.stale_days(settings) == []
    found = client.get_object(Bucket=s3.bucket, Key=f"landing/events/{DAYS[0]}/rows.jsonl")["Body"].read()
    was = (Path(local.landing) / "events" / DAYS[0] / "rows.jsonl").read_bytes()
    kept = zip(was.split(b"\n"), found.split(b"\n"), strict=True)
    assert [(old, new) for old, new in kept if old != new and new != b""] == []
    assert (
        client.get_object(Bucket=s3.bucket, Key=f"landing/events/{DAYS[1]}/late.jsonl")["Body"].read()
        == late.read_bytes()
    )

    again = stages.erase(settings, requests.ask(settings, [f"email:{NAMES[1]}"]).id).receipt
    assert again
    assert [again["counts"][name] for name in ("lines of drops", "older versions of drops")] == [0, 0]

    uploaded(s3, Path(local.landing))  # as it was delivered first, with her in it
    run(settings)
    assert (
        leaks.find([Path(settings.lake), Path(settings.publish)], she.traces, [Path(settings.lake) / "quarantine"])
        == []
    )
    assert Lake(settings.lake).rows("interactions") > 100
