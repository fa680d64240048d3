"""Every claim of every published profile of a sample shop cites its customer's own interactions."""

import copy
import json
from pathlib import Path

import pytest

from profiling import stages
from profiling.settings import Settings
from tests.claims import borne, cited, claims, published_documents, unfounded
from tests.worlds import settings_in, small_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, static_cache: Path) -> tuple[Settings, list[str]]:
    root = tmp_path_factory.mktemp("claims")
    settings = settings_in(root, static_cache).model_copy(update={"max_rejects": 0.5})
    days = small_shop(settings, customers=12, days=14)
    list(stages.run_days(settings, days[0], days[-1], ["ingest", "features"]))
    for day in days[-2:]:
        list(stages.run_days(settings, day, day, ["profile", "publish"]))
    return settings, days[-2:]


def test_every_claim_is_borne_by_the_customers_own_interactions(shop: tuple[Settings, list[str]]) -> None:
    settings, days = shop
    for day in days:
        found = borne(settings, day)
        assert {"interests", "satisfaction", "facts", "recommendations", "persona"} <= {
            p for p, n in found.items() if n
        }


def test_a_claim_that_is_not_borne_is_seen_wherever_it_stands(shop: tuple[Settings, list[str]]) -> None:
    settings, days = shop
    documents = published_documents(settings, days[-1])
    whole = {where for document in documents.values() for where, claim in claims(document) if cited(claim)}
    assert any("/satisfaction/aspects/" in where for where in whole)
    (name, other, *_) = documents
    stranger = documents[other]["interests"][0]["evidence"][0]
    places = [where for where, claim in claims(documents[name]) if cited(claim)]
    for where in places:
        changed = copy.deepcopy(documents[name])
        claim = dict(claims(changed))[where]
        if "evidence" in claim:
            claim["evidence"][0] = stranger
        else:
            claim["spans"][0] |= {"interaction_id": stranger}
        (first, *_) = unfounded(settings, {name: changed})
        assert first == f"{name}{where}: cites {stranger}, no interaction of theirs"
    elsewhere = json.loads(json.dumps(documents[name]))
    spoken = next(claim for _, claim in claims(elsewhere) if claim.get("spans"))
    spoken["spans"][0]["end"] += 100_000
    assert any("are not in the text" in line for line in unfounded(settings, {name: elsewhere}))
