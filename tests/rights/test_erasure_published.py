"""Published days that no table can make again: who is erased is taken out of what is published, and nobody else is touched."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from profiling import stages
from profiling.errors import ProfilingError
from profiling.lake import Lake
from profiling.prepare.identity import identity_id
from profiling.prepare.identity_rules import load_rules
from profiling.publish import open_target, read_manifest, read_published
from profiling.rights import requests
from profiling.settings import Settings
from tests import leaks
from tests.rights.erasing import NAMES, copied, event, lines, write
from tests.worlds import KEY, settings_in

pytestmark = [pytest.mark.slow, pytest.mark.long]

FIRST, LAST = "2026-06-01", "2026-06-16"
HER = {"customer": NAMES[0], "email": NAMES[1]}


@pytest.fixture(scope="module")
def kept_long(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> Settings:
    """A shop whose publications outlive the table `profiles`: of the first day there is only what is published."""
    root = tmp_path_factory.mktemp("kept")
    (root / "cache").mkdir()
    for model in static_cache.glob("static-*"):
        (root / "cache" / model.name).symlink_to(model.resolve())
    settings = settings_in(root, root / "cache")
    settings = settings.model_copy(update={"retention_days": settings.retention_days | {"profiles": 10}})
    for n, day in ((0, FIRST), (10, LAST)):
        rows = [event(n + 1, "ann", day), event(n + 2, NAMES[0], day, identifiers=HER), event(n + 3, "bob", day)]
        write(settings, "events", day, "rows.jsonl", lines([*rows, event(n + 4, NAMES[1], day, identifiers=HER)]))
        list(stages.run_days(settings, day, day))
    stages.retain(settings, LAST)
    assert Lake(settings.lake).partitions("profiles") == [LAST]
    return settings


def her(settings: Settings) -> list[str]:
    return [identity_id(KEY.encode(), kind, name, load_rules(settings)) for kind, name in HER.items()]


def published(settings: Settings, day: str) -> dict[str, bytes]:
    target = open_target(settings.publish)
    parts = [part["key"] for part in read_manifest(target, day)["objects"]]
    return {key.rpartition("/")[2]: found[0] for key in parts if (found := target.get(key))}


def others(files: dict[str, bytes], who: list[str]) -> list[bytes]:
    documents = [line for name in files if name.startswith("part-") and name.endswith(".gz")
                 for line in gzip.decompress(files[name]).splitlines(keepends=True)]  # fmt: skip
    return [line for line in documents if json.loads(line)["customer_id"] not in who]


@pytest.mark.parametrize("is_landed", [True, False], ids=["its drop is there", "its drop is gone"])
def test_a_day_past_the_retention_of_its_profiles_is_published_without_her(
    kept_long: Settings, tmp_path: Path, is_landed: bool
) -> None:
    settings = copied(kept_long, tmp_path / "world")
    if not is_landed:
        shutil.rmtree(Path(settings.landing) / "events" / FIRST)
    who, target = her(settings), open_target(settings.publish)
    before, pointer = published(settings, FIRST), target.get("latest.json")
    assert leaks.find([Path(settings.publish) / "profiles" / f"day={FIRST}"], who), "the search is blind"

    done = stages.erase(settings, requests.ask(settings, [f"email:{NAMES[1]}"]).id)

    roots = [Path(settings.publish), Path(settings.lake), Path(settings.landing)]
    assert leaks.find(roots, [*who, *NAMES]) == []
    assert done.receipt
    assert (done.receipt["counts"]["published days"], done.receipt["counts"]["published profiles"]) == (2, 2)
    after = published(settings, FIRST)
    assert b"".join(others(after, who)) == b"".join(others(before, who))
    assert after["quality.html"] == before["quality.html"]
    assert after["report.html"] != before["report.html"]
    assert len(list(read_published(target, FIRST))) == read_manifest(target, FIRST)["rows"] == 2
    assert target.get("latest.json") == pointer
    assert (
        len([each for each in (Path(settings.publish) / "profiles" / f"day={FIRST}").iterdir() if any(each.glob("*"))])
        == 1
    )
    assert stages.stale_days(settings) == []

    again = stages.erase(settings, requests.ask(settings, [f"email:{NAMES[1]}"]).id)
    assert again.receipt
    assert (again.receipt["counts"]["published days"], again.receipt["counts"]["published profiles"]) == (0, 0)
    assert published(settings, FIRST) == after


def test_a_reader_who_keeps_profiles_by_id_learns_of_it_by_the_revisions(kept_long: Settings, tmp_path: Path) -> None:
    """What docs/identity.md tells a reader to do, who keeps the newest profile of everybody and all days of some."""
    settings = copied(kept_long, tmp_path / "world")
    target, who = open_target(settings.publish), set(her(settings))

    def read(day: str) -> tuple[str, set[str]]:
        return read_manifest(target, day)["revision"], {each["customer_id"] for each in read_published(target, day)}

    kept = {day: read(day) for day in (FIRST, LAST)}
    assert all(ids & who for _, ids in kept.values())
    stages.erase(settings, requests.ask(settings, [f"email:{NAMES[1]}"]).id)
    for day, (revision, ids) in kept.items():
        assert read_manifest(target, day)["revision"] != revision
        assert ids - read(day)[1] == ids & who


def test_a_damaged_file_of_such_a_day_names_the_way_out(kept_long: Settings, tmp_path: Path) -> None:
    settings = copied(kept_long, tmp_path / "world")
    folder = Path(settings.publish) / "profiles" / f"day={FIRST}"
    (part,) = folder.glob("*/part-00000.jsonl.gz")
    part.write_bytes(b"")
    request = requests.ask(settings, [f"email:{NAMES[1]}"]).id
    with pytest.raises(
        ProfilingError, match=f"is damaged, so nobody can say who is in it; .*remove profiles/day={FIRST}/"
    ):
        stages.erase(settings, request)
    shutil.rmtree(folder)
    assert stages.erase(settings, request).receipt
