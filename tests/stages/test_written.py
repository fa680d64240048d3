"""What a language model writes, through the whole stage: taken where the fact check finds nothing, counted where it does not."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from profiling import stages
from profiling.behaviour.tracking import tracking_uri
from profiling.errors import SettingsError
from profiling.lake import Lake
from profiling.ledger import Ledger
from profiling.llm import opening
from profiling.llm.contract import Failure, Request
from profiling.profiles.report import render_report
from profiling.profiles.schema import document_faults
from profiling.settings import Settings
from tests.llm.measure import Scripted, data_of
from tests.llm.server import language_server
from tests.stages.test_stages import DAY, drop, purchase, review
from tests.worlds import documents


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Request], Any]], Scripted]:
    """A scripted model in the place of the configured one."""

    def use(answers: Callable[[Request], Any]) -> Scripted:
        model = Scripted(answers, "scripted-1")
        monkeypatch.setattr(opening, "open_model", lambda settings, parts: model)
        return model

    return use


def honest(request: Any) -> Any:
    """Of a request, or of what a server was asked: nothing in a text, and little about a customer."""
    if "The slots:" in request.user:
        return {"facts": []}
    data = data_of(request)
    if "offers" in data:
        return {"reasons": [{"ref": each["ref"], "text": "Other customers like it."} for each in data["offers"]]}
    if "action" in data:
        return {"subject": "A warm welcome", "message": "Hello, we are glad to have you with us."}
    if not data["interests"]:
        return {"text": "A new customer.", "refs": []}
    first = data["interests"][0]
    return {"text": f"A new customer who likes the {first['topic']}.", "refs": [first["ref"]]}


def hostile(request: Request) -> Any:
    data = data_of(request)
    if "offers" in data:
        return {"reasons": []}
    if "action" in data:
        return Failure("refused", "the model refused")
    return {"text": "A new customer who made 77 purchases.", "refs": ["e9"]}


@pytest.fixture
def shop(settings: Settings) -> Settings:
    text = "A lovely guitar with a warm tone."
    drop(
        settings,
        [purchase(1), review(2, text), purchase(3, "bo"), review(4, text, "bo"), purchase(5, "cy", item_id="bow")],
    )
    said = [
        {"identifiers": {"customer": "bo"}, "purpose": "language_model", "status": "withdrawn"},
        {"identifiers": {"customer": "cy"}, "purpose": "marketing", "status": "withdrawn"},
    ]
    drop(settings, [{**each, "stated_at": f"{DAY}T08:00:00Z"} for each in said], source="consents")
    stages.ingest(settings, DAY)
    stages.features(settings, DAY)
    return settings.model_copy(update={"mlflow_uri": "off"})


def by_stage(shop: Settings) -> dict[str, dict]:
    """Documents by what was done with them: `asked`, `refused` (the model), `silent` (no marketing)."""
    found = {}
    for document in documents(shop, DAY).values():
        said = {name: consent["value"] for name, consent in document["consent"].items()}
        name = "refused" if "language_model" in said else "silent" if "marketing" in said else "asked"
        found[name] = document
    assert set(found) == {"asked", "refused", "silent"}
    return found


def test_what_passes_is_taken_of_those_who_allow_it(shop: Settings, opened) -> None:
    stages.profile(shop, DAY)
    without = Ledger(Lake(shop.lake).ledger()).released("profile", DAY).inputs
    shop = shop.model_copy(update={"llm_model": "scripted-1"})
    model = opened(honest)
    outcome = stages.profile(shop, DAY)
    lake = Lake(shop.lake)
    assert Ledger(lake.ledger()).released("profile", DAY).inputs != without  # another author makes the day stale
    records = lake.ledger(("stage", "counts", "recorded_at"))
    counted = json.loads(records[records["stage"] == "profile"]["counts"].dropna().iloc[-1])
    found = by_stage(shop)
    persona, copy = found["asked"]["persona"], found["asked"]["next_best_action"]["copy"]
    assert (persona["written_by"], persona["checked"]) == ("scripted-1", True)
    assert persona["evidence"][0] in found["asked"]["interests"][0]["evidence"]
    assert copy["message"] == "Hello, we are glad to have you with us."
    assert copy["written_by"] == "scripted-1"
    assert document_faults(json.dumps(each) for each in found.values()) == []
    assert outcome.counts["persona_written"] == counted["persona_written"] == 2
    # Who refuses language models is not asked about, and keeps the templates.
    assert {request.row for request in model.asked} == {found[name]["customer_id"] for name in ("asked", "silent")}
    refused = found["refused"]
    assert refused["persona"]["written_by"] == refused["next_best_action"]["copy"]["written_by"] == "template"
    assert "fallback" not in refused["persona"]
    # Who wants no marketing has no copy.
    assert found["silent"]["next_best_action"] is None
    assert [r.prompt for r in model.asked if r.row == found["silent"]["customer_id"]] == ["persona@2"]
    # The same day asks the same and gives the same bytes.
    again = opened(honest)
    stages.profile(shop, DAY)
    assert by_stage(shop) == found
    assert again.asked == model.asked


def test_a_server_without_a_models_name_is_refused_before_anything_is_made(shop: Settings) -> None:
    alone = shop.model_copy(update={"llm_url": "http://127.0.0.1:9/v1"})
    for stage in (stages.features, stages.profile):
        with pytest.raises(SettingsError, match="no model is named; set PROFILING_LLM_MODEL"):
            stage(alone, DAY)
    assert stages.profile(alone.model_copy(update={"media_image_model": "sees"}), DAY).state == "released"


def test_what_fails_falls_back_and_is_counted_by_reason(shop: Settings, opened) -> None:
    shop = shop.model_copy(update={"llm_model": "scripted-1"})
    opened(hostile)
    outcome = stages.profile(shop, DAY)
    asked = by_stage(shop)["asked"]
    assert asked["persona"]["written_by"] == "template"
    assert asked["persona"]["fallback"] == "evidence"
    assert asked["next_best_action"]["copy"]["fallback"] == "refused"
    assert outcome.counts["persona_fell_back_evidence"] == 2  # also of a customer with nothing to cite
    assert outcome.counts["copy_fell_back_refused"] == 1
    page = render_report(Lake(shop.lake).read("profiles", [("day", "==", DAY)]), {}, DAY, None)
    assert "Written by a language model" in page
    assert "Evidence that is none" in page


def test_what_the_model_did_is_mirrored_and_what_it_was_not_asked_is_a_warning(shop: Settings) -> None:
    from mlflow.tracking import MlflowClient

    with language_server(lambda asked: honest(asked)) as server:
        named = server.settings() | {"llm_budget_calls": 2 * shop.buckets, "mlflow_uri": None}
        asking = shop.model_copy(update=named)
        read, profiled = stages.features(asking, DAY), stages.profile(asking, DAY)
    (unasked,) = profiled.warnings
    assert re.search(rf"not asked everything: \d+ budget; `profiling profile --day {DAY}` asks the rest", unasked)
    client = MlflowClient(tracking_uri=tracking_uri(asking))
    experiment = client.get_experiment_by_name("language model")
    assert experiment is not None
    runs = {run.info.run_name: run.data.metrics for run in client.search_runs([experiment.experiment_id])}
    for name, outcome in ((f"features {DAY}", read), (f"profile {DAY}", profiled)):
        assert runs[name]["llm_calls"] > 0
        assert runs[name].items() <= outcome.counts.items()


def test_a_mirror_that_is_down_costs_no_day(shop: Settings, opened) -> None:
    opened(honest)
    outcome = stages.profile(
        shop.model_copy(update={"llm_model": "scripted-1", "mlflow_uri": "http://127.0.0.1:9"}), DAY
    )
    assert outcome.state == "released"
    assert outcome.counts["persona_written"] == 2
    (said,) = outcome.warnings
    assert f"has no copy of language model profile {DAY}" in said
