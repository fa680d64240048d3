import pytest

from profiling.strategy.next_best_action import CLAIMS, FIELDS, ONSITE, PURPOSE_OF_CHANNEL, RULES, decide

EVIDENCE = {name: {"evidence": [f"{name}-1", f"{name}-2"], "evidence_count": 5} for name in CLAIMS}

# Somebody of whom nothing special is known: no rule but the last holds.
PLAIN = {
    "life_cycle": "active", "rfm_label": "need_attention", "days_known": 50, "recency_days": 10, "quiet_days": 10,
    "usual_gap_days": 12.0, "main_kind": "purchase", "main_act": "purchase",
    "purchase_count": 3, "review_count": 1, "tier": "medium",
    "satisfaction": 0.7, "worst_aspect": None, "top_interest": None, "top_interest_share": None, "recommended": None,
    "complaint": None,
}  # fmt: skip


def decision(granted=(), language="en", **changes):
    return decide({**PLAIN, **changes}, set(granted), EVIDENCE, language)


CASES = [
    ({}, "nothing_fits"),
    ({"satisfaction": 0.39}, "unhappy"),
    ({"satisfaction": 0.4}, "nothing_fits"),
    ({"satisfaction": 0.39, "worst_aspect": "delivery"}, "unhappy_about_aspect"),
    ({"satisfaction": 0.9, "worst_aspect": "delivery"}, "nothing_fits"),
    ({"satisfaction": 0.39, "recency_days": 61, "quiet_days": 61}, "nothing_fits"),
    (
        {"complaint": "Is unhappy with the packaging", "life_cycle": "loyal"},
        "complains",
    ),  # however satisfied on the whole
    ({"life_cycle": "at_risk"}, "valuable_and_leaving"),
    ({"life_cycle": "lapsed", "tier": "high"}, "valuable_and_leaving"),
    ({"life_cycle": "lapsed", "tier": "low"}, "nothing_fits"),
    ({"life_cycle": "lapsed", "tier": None}, "nothing_fits"),
    ({"life_cycle": "at_risk", "satisfaction": 0.2}, "unhappy"),  # trouble comes before winning back
    ({"life_cycle": "new"}, "newcomer"),
    ({"life_cycle": "loyal"}, "best_customer"),
    ({"life_cycle": "loyal", "satisfaction": None}, "best_customer"),
    ({"life_cycle": "loyal", "satisfaction": 0.5}, "nothing_fits"),
    ({"rfm_label": "champions"}, "best_customer"),
    ({"life_cycle": "at_risk", "rfm_label": "loyal", "tier": "low"}, "nothing_fits"),
    ({"top_interest": "Strings", "top_interest_share": 0.3, "recommended": "Silk"}, "strong_interest"),
    ({"top_interest": "Strings", "top_interest_share": 0.29, "recommended": "Silk"}, "nothing_fits"),
    ({"top_interest": "Strings", "top_interest_share": 0.3, "recommended": None}, "nothing_fits"),
    ({"review_count": 0}, "silent_buyer"),
    ({"review_count": 0, "quiet_days": 31}, "nothing_fits"),
    ({"review_count": 0, "main_kind": "view"}, "nothing_fits"),
]


@pytest.mark.parametrize(("changes", "rule"), CASES, ids=str)
def test_the_first_rule_that_holds_decides(changes, rule):
    assert decision(**changes)["rule"] == rule


def test_every_rule_is_reached_by_a_case():
    assert {rule for _, rule in CASES} == {rule.name for rule in RULES}


def test_the_last_rule_holds_even_if_nothing_is_known():
    nothing = dict.fromkeys(FIELDS) | {"recency_days": 999, "quiet_days": 999}
    assert decide(nothing, set(), EVIDENCE, "en")["action"] == "none"


def test_cases_use_exactly_the_fields_a_rule_may_look_at():
    assert set(PLAIN) == set(FIELDS)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_reason_is_filled_from_the_record(rule, language):
    changes = next(changes for changes, name in CASES if name == rule.name)
    found = decision(language=language, **changes)
    assert not set("{}") & set(found["reason"])
    assert "None" not in found["reason"]
    is_chinese = any("一" <= character <= "鿿" for character in found["reason"])
    assert is_chinese == (language == "zh")
    assert found["written_by"] == "template"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_action_carries_the_evidence_it_rests_on(rule):
    changes = next(changes for changes, name in CASES if name == rule.name)
    found = decision(**changes)
    assert found["evidence"] == [f"{rule.rests_on}-1", f"{rule.rests_on}-2"]
    assert found["evidence_count"] == 5


@pytest.mark.parametrize(
    ("changes", "granted", "channel"),
    [
        ({"life_cycle": "at_risk"}, [], ONSITE),
        ({"life_cycle": "at_risk"}, ["marketing_email"], "email"),
        ({"life_cycle": "at_risk"}, ["marketing_sms"], "sms"),
        ({"life_cycle": "at_risk"}, ["marketing_email", "marketing_sms"], "email"),
        ({"life_cycle": "at_risk"}, ["profiling", "email"], ONSITE),  # consent to something else is none
        ({"life_cycle": "new"}, ["marketing_sms"], ONSITE),  # a welcome is no text message
        ({"satisfaction": 0.1}, [], "email"),  # service is no marketing
        ({}, ["marketing_email"], None),  # nothing to say
    ],
    ids=str,
)
def test_a_channel_is_used_only_with_consent(changes, granted, channel):
    assert decision(granted=granted, **changes)["channel"] == channel


def test_every_channel_of_the_table_has_its_purpose():
    assert {channel for rule in RULES for channel in rule.channels} - {ONSITE} == set(PURPOSE_OF_CHANNEL)
