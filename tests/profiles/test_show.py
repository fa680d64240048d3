"""A profile on a terminal: what stands beside its claims, and what it says of itself."""

import copy
import io
import json

import pandas as pd
import pytest
from profile_world import inputs, snapshot
from rich.console import Console

from profiling.profiles.build import build_profiles
from profiling.profiles.report import render_report
from profiling.profiles.schema import document_faults
from profiling.profiles.show import render_profile


def foretold(target: str, probability: float, customer: str = "ann") -> dict:
    return {
        "customer_id": customer, "target": target, "horizon_days": 28, "probability": probability, "percentile": 0.37,
        "model": "logistic", "sha": "0" * 16, "as_of": "2026-06-21", "scale": "log_odds", "base": 0.0, "score": 0.0,
        "reasons": [], "rest": 0.0, "evidence": [],
    }  # fmt: skip


@pytest.fixture(scope="module")
def profiles() -> pd.DataFrame:
    said = [
        ("churn", 0.9, "ann"),
        ("repeat_purchase", 0.3, "ann"),
        ("churn", 0.9, "bo"),
        ("repeat_purchase", 0.1, "bo"),
    ]
    return build_profiles(*inputs(snapshot()), 0, predictions=pd.DataFrame([foretold(*each) for each in said]))


@pytest.fixture(scope="module")
def documents(profiles: pd.DataFrame) -> dict[str, dict]:
    return dict(zip(profiles["customer_id"], map(json.loads, profiles["document"]), strict=True))


def shown(document: dict) -> str:
    console = Console(width=240, record=True, file=io.StringIO())
    console.print(render_profile(document, {}))
    return console.export_text()


def test_predictions_that_exclude_each_other_are_said_not_to_be_trusted(profiles, documents) -> None:
    assert document_faults(profiles["document"]) == []
    text = shown(documents["ann"]).split("What the data cannot say")[1]
    assert "predictions.churn" in text
    assert "together with “buys again within 28 days” above 100 %" in text
    assert "predictions.repeat_purchase" in text
    assert "predictions.churn" not in shown(documents["bo"])
    page = render_report(profiles, {}, "2026-06-28", None)
    row = page.split("does nothing at all for 28 days")[1].split("</tr>")[0]
    assert row.endswith('<td class="number">2</td><td class="number">1</td>'), "two more likely than not, one in doubt"


def test_a_probability_says_what_it_is_higher_than(documents) -> None:
    assert "90 %, higher than for 37 % of the customers it was tested on" in shown(documents["ann"])
    assert "90 %，高于测试客户中的 37 %" in shown(documents["bo"])


def test_a_recommendation_without_evidence_of_the_customer_says_what_it_rests_on(documents) -> None:
    text = shown(documents["fi"])
    assert "other customers' interactions, which a profile does not name" in text
    assert "(0 in all)" not in text
    assert "(1 in all)" in shown(documents["ann"])


def test_a_text_that_did_not_pass_the_fact_check_says_why(documents) -> None:
    assert "written by template, checked" in shown(documents["ann"])
    document = copy.deepcopy(documents["ann"])
    document["persona"] |= {"text": f"{document['persona']['text']} Spent 4711 dollars.", "checked": False}
    assert "written by template, did not pass the fact check: number, “4711" in shown(document)
    assert "not checked" not in shown(document)
    document["persona"]["text"] = documents["ann"]["persona"]["text"]
    assert "did not pass the fact check: what it found then is not found now" in shown(document)
