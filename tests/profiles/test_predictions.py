"""What a prediction says to people: labels and reasons in both languages, also where nothing is known."""

import numpy as np
import pytest

from profiling.behaviour.features import FEATURES, GROUPS
from profiling.behaviour.targets import TARGETS
from profiling.profiles.predictions import label, place, reason, with_doubts

NOTHING = dict.fromkeys(FEATURES, np.nan) | {name: 0.0 for name in FEATURES if name.endswith(("_count", "_recent"))}
ANN = NOTHING | {
    "days_known": 41.0, "recency_days": 0.0, "purchase_count": 3.0, "purchase_recency_days": 12.0, "purchase_gap_days": 13.4,
    "review_count": 1.0, "review_recency_days": 1.0, "view_count": 1.0, "search_count": 5.0, "contact_count": 2.0,
    "order_value": 101.666, "rating_mean": 4.25, "sentiment_mean": -0.1,
}  # fmt: skip


def said(group: str, values: dict[str, float], language: str, amount: float = 1.0) -> str:
    return reason({"name": group, "values": values, "amount": amount}, False, language)


@pytest.mark.parametrize(
    ("group", "english", "chinese"),
    [
        (
            "purchases",
            "3 purchases, the last 12 days ago, one every 13 days",
            "购买 3 次，最近一次在12 天前，平均每 13 天一次",
        ),
        ("reviews", "1 review, the last 1 day ago", "评价 1 次，最近一次在1 天前"),
        ("visits", "1 page view and 5 searches", "浏览 1 次，搜索 5 次"),
        ("contacts", "wrote or called 2 times", "联系客服 2 次"),
        ("presence", "known for 41 days, last seen today", "结识 41 天，今天最后一次互动"),
        ("mood", "mean rating 4.2 of 5, sentiment -0.10 of what they wrote", "平均评分 4.2（满分 5），文字情感 -0.10"),
        ("order_value", "an order is worth 101.67 on average", "平均订单金额 101.67"),
    ],
)
def test_a_group_of_features_in_words(group: str, english: str, chinese: str) -> None:
    assert said(group, ANN, "en") == f"{english} (raises it)"
    assert said(group, ANN, "zh", -1.0) == f"{chinese}（降低）"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("group", [group for group in GROUPS if group != "presence"])
def test_what_is_not_known_is_said(group: str, language: str) -> None:
    words = said(group, NOTHING, language)
    assert "nan" not in words
    assert len(words) > 5


def test_every_feature_is_in_one_group() -> None:
    assert sorted(feature for features in GROUPS.values() for feature in features) == sorted(FEATURES)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_a_label_in_both_languages(target: str) -> None:
    english, chinese = (label(target, TARGETS[target].horizon_days, language) for language in ("en", "zh"))
    assert english != chinese
    assert target == "satisfied" or str(TARGETS[target].horizon_days) in chinese


def test_words_of_a_text_are_quoted() -> None:
    record = {"name": "love it", "values": {"count": 1.0}, "amount": -0.2}
    assert reason(record, True, "en") == "the words “love it” (lowers it)"


def foretold(target: str, probability: float, horizon_days: int = 28, language: str = "en") -> dict:
    named = {"target": target, "label": label(target, horizon_days, language)}
    return named | {"horizon_days": horizon_days, "probability": probability}


def doubts(*said: dict, language: str = "en") -> list[str | None]:
    return [each.get("doubt") for each in with_doubts(said, language)]


def test_predictions_that_exclude_each_other_are_doubted_where_both_are_above_one() -> None:
    assert doubts(foretold("churn", 0.6), foretold("repeat_purchase", 0.5)) == [
        "together with “buys again within 28 days” above 100 %: the two models learned apart; trust neither to the percent",
        "together with “does nothing at all for 28 days” above 100 %: the two models learned apart; trust neither to the percent",
    ]
    zh = [foretold("churn", 0.6, language="zh"), foretold("repeat_purchase", 0.5, language="zh")]
    assert doubts(*zh, language="zh")[0] == "与“28 天内再次购买”合计超过 100 %：两个模型各自训练，百分比都不可尽信"


@pytest.mark.parametrize(
    "said",
    [
        [foretold("churn", 0.4), foretold("repeat_purchase", 0.6)],  # 1 exactly
        [foretold("churn", 0.9), foretold("reviews_again", 0.9, 180)],  # may come later
        [foretold("churn", 0.9), foretold("satisfied", 0.9, 0)],
        [foretold("repeat_purchase", 0.9), foretold("reviews_again", 0.9)],
        [foretold("churn", 0.9)],
        [],
    ],
)
def test_others_are_not_doubted(said: list[dict]) -> None:
    assert with_doubts(said, "en") == said


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0.002, 0.37, 28, "en"), "0 %, higher than for 37 % of the customers it was tested on"),
        ((0.86, 0.5, 0, "en"), "86 %, higher than for 50 % of the texts it was tested on"),
        ((0.002, 0.37, 28, "zh"), "0 %，高于测试客户中的 37 %"),
        ((0.86, 0.5, 0, "zh"), "86 %，高于测试文本中的 50 %"),
    ],
)
def test_where_a_probability_stands(arguments: tuple, text: str) -> None:
    assert place(*arguments) == text
