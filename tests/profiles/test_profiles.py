"""Whole profiles of the small world: see `profile_world` for its seven customers."""

import copy
import io
import json
from dataclasses import replace
from importlib import resources

import jsonschema
import pandas as pd
import pyarrow as pa
import pytest
from profile_world import CUSTOMERS, DAY, inputs, only, recommendations, shuffled, snapshot
from rich.console import Console

from profiling import schemas
from profiling.errors import InputError
from profiling.facts.profile import DENIED_COLUMNS
from profiling.profiles.build import build_profiles
from profiling.profiles.interests import interests
from profiling.profiles.show import render_profile
from profiling.profiles.wording import named_topics, title_in, topic_name


@pytest.fixture(scope="module")
def profiles() -> pd.DataFrame:
    return build_profiles(*inputs(snapshot()), bucket=3, provenance={"models": {"sentiment": ["vader@3.3"]}})


@pytest.fixture(scope="module")
def documents(profiles) -> dict[str, dict]:
    return {
        customer: json.loads(text) for customer, text in zip(profiles["customer_id"], profiles["document"], strict=True)
    }


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(resources.files("profiling.profiles").joinpath("profile-v1.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


# --- the table ---------------------------------------------------------------------------------------------------------


def test_the_table_by_eye(profiles):
    shown = ["customer_id", "language", "life_cycle", "purchase_count", "currency", "top_interest", "next_best_action"]
    assert profiles[shown].astype(object).where(profiles[shown].notna(), None).to_numpy().tolist() == [
        ["ann", "en", "loyal", 6, "USD", "Strings", "reward"],
        ["bo", "zh", "active", 3, "CNY", "吉他", "recover_service"],
        ["cy", "en", "at_risk", 0, None, "Strings", "win_back"],
        ["di", "en", "lapsed", 2, "USD", "Strings", "win_back"],
        ["ed", "en", "new", 1, "USD", "Strings", "welcome"],
        ["fi", "en", "new", 0, None, "Guitars", "welcome"],
        ["gus", "en", "active", 2, None, "Strings", "ask_for_review"],
    ]
    assert set(profiles["bucket"]) == {3}
    assert set(profiles["day"]) == {DAY}


def test_the_table_has_the_columns_of_the_schema(profiles):
    assert profiles.columns.tolist() == schemas.PROFILES.names
    pa.Table.from_pandas(profiles, schema=schemas.PROFILES.arrow, preserve_index=False).validate(full=True)
    must = [column.name for column in schemas.PROFILES.columns if not column.is_nullable]
    assert profiles[must].notna().all(axis=None)


def test_no_customers_give_an_empty_table():
    nobody = only(snapshot(), "nobody")
    empty = build_profiles(*inputs(nobody), bucket=0)
    assert len(empty) == 0
    pa.Table.from_pandas(empty, schema=schemas.PROFILES.arrow, preserve_index=False)


# --- the promise: same bytes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_does_not_matter(profiles, seed):
    world = shuffled(snapshot(), seed)
    offers = recommendations(world).sample(frac=1, random_state=seed)
    again = build_profiles(world, offers, interests(world), 3, {"models": {"sentiment": ["vader@3.3"]}})
    assert again["document"].tolist() == profiles["document"].tolist()
    pd.testing.assert_frame_equal(again, profiles)


def test_customers_built_apart_are_the_same_as_together(profiles):
    apart = [
        build_profiles(*inputs(only(snapshot(), name)), 3, {"models": {"sentiment": ["vader@3.3"]}})
        for name in CUSTOMERS
    ]
    pd.testing.assert_frame_equal(pd.concat(apart, ignore_index=True), profiles)


def test_documents_are_canonical(profiles):
    for text in profiles["document"]:
        again = json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert text == again
        assert "\n" not in text


def test_arguments_stay_as_they_were():
    world, offers, found = inputs(snapshot())
    before = copy.deepcopy((vars(world), offers, found))
    build_profiles(world, offers, found, 0)
    for name, frame in before[0].items():
        if isinstance(frame, pd.DataFrame):
            pd.testing.assert_frame_equal(frame, getattr(world, name))
    pd.testing.assert_frame_equal(before[1], offers)
    pd.testing.assert_frame_equal(before[2], found)


# --- law 3: every claim has evidence -----------------------------------------------------------------------------------


def claims_of(document: dict) -> list[dict]:
    satisfaction, consumption = document["satisfaction"], document["consumption"]
    claims = [*document["interests"], *satisfaction["aspects"], *consumption["items"], *consumption["categories"]]
    claims += [satisfaction] if satisfaction["score"] is not None else []
    return [*claims, document["next_best_action"]]


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_every_claim_cites_interactions_of_this_customer(documents, customer):
    claims = claims_of(documents[customer])
    assert claims
    for claim in claims:
        assert 1 <= len(claim["evidence"]) <= min(3, claim["evidence_count"]), claim
        assert all(cited.startswith(f"{customer}/") for cited in claim["evidence"]), claim


def test_an_aspect_says_where_its_evidence_speaks_of_it(documents):
    sound, price = documents["ann"]["satisfaction"]["aspects"]
    first, second = "ann/review/2026-04-21", "ann/review/2026-06-16"
    assert sound["evidence"] == [first, second]
    assert sound["spans"] == [
        {"interaction_id": first, "start": 0, "end": 25, "polarity": 0.9},
        {"interaction_id": second, "start": 0, "end": 25, "polarity": 0.7},
    ]
    assert price["spans"] == [{"interaction_id": second, "start": 30, "end": 55, "polarity": -0.5}]


def test_offers_keep_the_evidence_they_came_with(documents):
    cited = [(r["item_id"], r["evidence"], r["evidence_count"]) for r in documents["ann"]["recommendations"]]
    assert cited == [("g1", ["ann/purchase/2026-04-05"], 1), ("x9", [], 0)]


def test_a_complaint_is_the_evidence_of_the_service_recovery(documents):
    action = documents["bo"]["next_best_action"]
    assert action["rule"] == "unhappy_about_aspect"
    assert action["evidence"] == ["bo/review/2026-05-22", "bo/review/2026-06-12"]
    assert "物流" in action["reason"]


# --- what cannot be said -----------------------------------------------------------------------------------------------


def nulls_in(value: object, pointer: str = "") -> set[str]:
    if isinstance(value, dict):
        return {found for key, part in value.items() for found in nulls_in(part, f"{pointer}/{key}")}
    if isinstance(value, list):
        return {found for index, part in enumerate(value) for found in nulls_in(part, f"{pointer}/{index}")}
    return {pointer} if value is None else set()


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_every_null_has_its_reason_and_every_reason_its_null(documents, customer):
    document = documents[customer]
    assert nulls_in({name: part for name, part in document.items() if name != "nulls"}) == set(document["nulls"])


def test_reasons_tell_the_cases_apart(documents):
    monetary = {customer: documents[customer]["nulls"].get("/activity/rfm/monetary") for customer in CUSTOMERS}
    assert monetary == {
        **dict.fromkeys(CUSTOMERS),
        "cy": "no purchase with an amount is known",
        "fi": "no purchase with an amount is known",
        "gus": "amounts in several currencies cannot be added up",
    }


def test_spend_stays_apart_by_currency(documents):
    assert documents["gus"]["consumption"]["spend"] == {"EUR": 90.0, "USD": 10.0}
    assert documents["ann"]["consumption"]["spend"] == {"USD": 154.0}
    assert documents["fi"]["consumption"]["spend"] is None


def test_reviews_stand_in_for_purchases_and_views_do_not(documents):
    basis = {name: documents[name]["consumption"]["basis"] for name in ("ann", "cy", "fi")}
    assert basis == {"ann": "purchase", "cy": "review", "fi": None}
    assert [item["item_id"] for item in documents["cy"]["consumption"]["items"]] == ["x9", "s1", "g1"]  # latest first
    assert documents["fi"]["consumption"]["items"] == []
    assert documents["fi"]["value"]["tier"] is None


def test_bought_most_often_comes_first(documents):
    assert [(i["item_id"], i["title"], i["count"]) for i in documents["ann"]["consumption"]["items"]] == [
        ("s1", "Bronze Strings 12-53", 3),
        ("s2", "Silk Strings", 2),
        ("g1", "Parlour Guitar", 1),
    ]


def test_a_withdrawn_statement_is_not_known_any_more(documents):
    assert documents["di"]["attributes"] == {}
    assert documents["bo"]["attributes"]["city"]["value"] == "上海"


def test_completeness_counts_what_is_filled(documents):
    # fi: interests and a recommendation, of fourteen parts
    assert documents["fi"]["completeness"] == pytest.approx(2 / 14, abs=1e-6)
    assert documents["ann"]["completeness"] == pytest.approx(10 / 14, abs=1e-6)  # no trend, facts, predictions, CLV


# --- language and consent ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "language"),
    [("zh", "zh"), ("EN_us", "en"), ("fr-CA", "fr"), ("Chinese", "zh"), ("", "zh"), (None, "zh")],
    ids=str,
)
def test_a_stated_language_goes_before_that_of_the_texts(stated, language):
    world = snapshot()
    statement = pd.DataFrame(
        {
            "customer_id": ["bo"],
            "name": ["language"],
            "value": pd.Series([stated], dtype="str"),
            "stated_at": [pd.Timestamp("2026-01-01", tz="UTC")],
            "source": ["shop"],
        }
    )
    profile = build_profiles(*inputs(replace(world, attributes=statement)), 0).set_index("customer_id")
    assert profile.loc["bo", "language"] == language  # two Chinese texts and an English one
    written = json.loads(profile.loc["bo", "document"])["persona"]["language"]
    assert written == ("zh" if language == "zh" else "en")


def test_offers_are_explained_in_the_customers_language(documents):
    assert documents["ann"]["recommendations"][0]["reason"] == (
        "From a category you like: Guitars; popular with other customers lately."
    )
    assert documents["bo"]["recommendations"][0]["reason"] == "与您评价过的“Bronze Strings 12-53”相似。"


def test_a_title_in_two_languages_is_said_in_the_customers():
    world = snapshot()
    titles = ["Parlour Guitar / 民谣吉他", "Bronze Strings / 青铜琴弦", "Silk Strings", ""]
    world = replace(world, catalogue=world.catalogue.assign(title=titles, category=["music", "tea", "tea", ""]))
    profiles = build_profiles(*inputs(world), 0)
    documents = dict(zip(profiles["customer_id"], map(json.loads, profiles["document"]), strict=True))
    assert documents["bo"]["recommendations"][0]["reason"] == "与您评价过的“青铜琴弦”相似。"
    assert documents["ann"]["recommendations"][0]["title"] == titles[0], "what the catalogue says stays whole"
    assert "最感兴趣的是吉他、茶和音乐。" in documents["bo"]["persona"]["text"]
    assert "Most interested in tea, warm tone and music." in documents["ann"]["persona"]["text"]
    assert all(document["persona"]["checked"] for document in documents.values())
    shown = Console(width=200, record=True, file=io.StringIO())
    shown.print(render_profile(documents["bo"], {}))
    text = shown.export_text()
    assert "茶 (category)" in text
    assert "青铜琴弦: 与您评价过的“青铜琴弦”相似" in text
    assert "tea" not in text
    assert "Bronze" not in text


def test_a_figure_that_is_nought_as_printed_has_no_minus(documents):
    document = copy.deepcopy(documents["ann"])
    document["satisfaction"]["trend"] = -0.004
    document["satisfaction"]["aspects"][0]["polarity"] = -0.004
    shown = Console(width=200, record=True, file=io.StringIO())
    shown.print(render_profile(document, {}))
    text = shown.export_text()
    assert "trend +0.00" in text
    assert "-0.00" not in text


@pytest.mark.parametrize(
    ("title", "language", "said"),
    [
        ("Copperleaf frying pan / 铜叶平底锅", "en", "Copperleaf frying pan"),
        ("Copperleaf frying pan / 铜叶平底锅", "zh", "铜叶平底锅"),
        ("Sony / speaker / 音箱", "en", "Sony / speaker"),
        ("Guitar / Bass", "zh", "Guitar / Bass"),
        ("AC/DC 音乐", "en", "AC/DC 音乐"),
        ("", "en", ""),
    ],
)
def test_the_part_of_a_title(title, language, said):
    assert title_in(title, language) == said


@pytest.mark.parametrize(
    ("topic", "english", "chinese"),
    [
        ("coffee", "coffee", "咖啡"),
        ("Coffee", "Coffee", "咖啡"),
        ("咖啡", "coffee", "咖啡"),
        ("音箱", "音箱", "音箱"),
        ("strap", "strap", "strap"),
    ],
)
def test_a_topic_has_a_name_in_each_language(topic, english, chinese):
    assert (topic_name(topic, "en"), topic_name(topic, "zh")) == (english, chinese)


def test_no_two_topics_share_their_first_chinese_name():
    first = [row["zh"][0] for row in named_topics().values()]
    assert len(first) == len(set(first)) > 30


def test_what_a_customer_marked_wrong_is_no_aspect_and_in_no_sentence():
    def of_bo(side: int, subtopic: str = "delivery") -> dict:
        rows = [("bo", "service_experience", subtopic, "", side)]
        world = replace(snapshot(), denied=pd.DataFrame(rows, columns=list(DENIED_COLUMNS)))
        profiles = build_profiles(*inputs(world), 0).set_index("customer_id")
        return json.loads(profiles.loc["bo", "document"])

    for untouched in (of_bo(1), of_bo(-1, "service")):
        assert [each["aspect"] for each in untouched["satisfaction"]["aspects"]] == ["delivery"]
        assert "物流" in untouched["persona"]["text"]
    corrected = of_bo(-1)
    assert corrected["satisfaction"]["aspects"] == []
    assert "物流" not in json.dumps(corrected, ensure_ascii=False)
    assert corrected["satisfaction"]["score"] == of_bo(1)["satisfaction"]["score"], "their ratings stand"


def test_channels_follow_consent(documents):
    channels = {name: documents[name]["next_best_action"]["channel"] for name in CUSTOMERS}
    assert channels["ann"] == "email"  # granted
    assert channels["di"] == "sms"  # e-mail withdrawn, text message granted
    assert channels["cy"] == "onsite"  # asked for nothing
    assert channels["bo"] == "email"  # service is no marketing


# --- wrong input -------------------------------------------------------------------------------------------------------


def test_a_customer_outside_the_population_is_an_error():
    world = snapshot()
    without = world.population[world.population["subject_id"] != "cy"]
    with pytest.raises(InputError, match=r"1 of 7 customers .* the first is cy; take the snapshot's population"):
        build_profiles(*inputs(replace(world, population=without)), 0)


def test_a_reason_nobody_can_word_is_an_error():
    world, offers, found = inputs(snapshot())
    strange = offers.assign(reasons=[[{"code": "astrology", "params": {}}]] * len(offers))
    with pytest.raises(InputError, match="no sentence for the reason 'astrology'"):
        build_profiles(world, strange, found, 0)


# --- the schema --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_documents_fit_the_schema(documents, validator, customer):
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(documents[customer])] == []


VIOLATIONS = {
    "part_missing": (lambda d: d.pop("satisfaction"), "$"),
    "part_nobody_knows": (lambda d: d.update(mood="fine"), "$"),
    "claim_without_evidence": (lambda d: d["interests"][0].pop("evidence"), "$.interests[0]"),
    "claim_with_a_strange_field": (lambda d: d["interests"][0].update(source="x"), "$.interests[0]"),
    "too_much_evidence": (lambda d: d["interests"][0].update(evidence=list("abcd")), "$.interests[0].evidence"),
    "score_out_of_range": (lambda d: d["satisfaction"].update(score=1.2), "$.satisfaction.score"),
    "unknown_stage": (lambda d: d["segment"].update(life_cycle="asleep"), "$.segment.life_cycle"),
    "consent_of_a_third_kind": (
        lambda d: d["consent"]["marketing_email"].update(value="maybe"), "$.consent.marketing_email.value",
    ),
    "currency_without_code": (lambda d: d["consumption"].update(spend={"dollars": 1.0}), "$.consumption.spend"),
    "number_as_text": (lambda d: d["activity"].update(recency_days="12"), "$.activity.recency_days"),
    "null_without_a_reason": (lambda d: d["nulls"].update({"/facts": ""}), "$.nulls['/facts']"),
}  # fmt: skip


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_of_the_schema_is_found_where_it_is(documents, validator, name):
    spoil, where = VIOLATIONS[name]
    document = copy.deepcopy(documents["ann"])
    spoil(document)
    assert where in {error.json_path for error in validator.iter_errors(document)}
