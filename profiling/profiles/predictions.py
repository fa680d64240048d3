"""Predictions for people: what is predicted and why, in English and Chinese."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from profiling.profiles.canonical import FLOAT_DIGITS
from profiling.profiles.private import is_private
from profiling.profiles.wording import counted

# By target: what probability 1 would mean.
LABELS = {
    "en": {
        "repeat_purchase": "buys again within {horizon_days} days",
        "reviews_again": "writes another review within {horizon_days} days",
        "churn": "does nothing at all for {horizon_days} days",
        "satisfied": "the newest text reads like one with 4 or 5 stars",
    },
    "zh": {
        "repeat_purchase": "{horizon_days} 天内再次购买",
        "reviews_again": "{horizon_days} 天内再次评价",
        "churn": "{horizon_days} 天内没有任何互动",
        "satisfied": "最近的文字读来像四星或五星评价",
    },
}
_NOTHING = {"en": "nothing known of {name}", "zh": "{name}未知"}
_NAMES = {
    "en": {
        "purchases": ("purchase", "purchases"), "reviews": ("review", "reviews"), "mood": ("mood", "mood"),
        "order_value": ("order value", "order value"),
    },
    "zh": {
        "purchases": ("购买", "购买"), "reviews": ("评价", "评价"), "mood": ("情绪", "情绪"),
        "order_value": ("订单金额", "订单金额"),
    },
}  # fmt: skip
_WORD = {"en": "the words “{name}”", "zh": "文字“{name}”"}
# What a stack reads beside words (`models.text_stack`), and the words that tell nothing alone (`behaviour.prediction`).
_BESIDE_WORDS = {
    "en": {
        "(meaning)": "what the text means as a whole",
        "(mood by lexicons)": "the mood that word lists find",
        "(length and marks)": "its length and marks",
        "(function words)": "its small words together, such as “the” or “from”",
    },
    "zh": {
        "(meaning)": "全文含义",
        "(mood by lexicons)": "词典得出的情感",
        "(length and marks)": "篇幅与标点",
        "(function words)": "虚词合计，如“的”“了”",
    },
}
_EFFECT = {
    "en": {True: "{said} (raises it)", False: "{said} (lowers it)"},
    "zh": {True: "{said}（提高）", False: "{said}（降低）"},
}
# A high probability of the first leaves none for another act within the same days.
_NOTHING_AT_ALL, _ACTS = "churn", ("repeat_purchase", "reviews_again")
_DOUBT = {
    "en": "together with “{other}” above 100 %: the two models learned apart; trust neither to the percent",
    "zh": "与“{other}”合计超过 100 %：两个模型各自训练，百分比都不可尽信",
}
_PLACE = {
    "en": "{probability:.0f} %, higher than for {percentile:.0f} % of the {whom}",
    "zh": "{probability:.0f} %，高于{whom}中的 {percentile:.0f} %",
}
_WHOM = {
    "en": {True: "texts it was tested on", False: "customers it was tested on"},
    "zh": {True: "测试文本", False: "测试客户"},
}


def label(target: str, horizon_days: int, language: str) -> str:
    """What is predicted, as a clause about the customer."""
    return LABELS[language][target].format(horizon_days=horizon_days)


def reason(record: Mapping[str, Any], is_text: bool, language: str) -> str:
    """One reason as a clause with its direction.

    Args:
        record: {name, values, amount}: words or a group of features, what the model read, and what it added to the score.
    """
    if is_text:
        said = _BESIDE_WORDS[language].get(record["name"]) or _WORD[language].format(name=record["name"])
    else:
        said = _group(record["name"], record["values"], language)
    return _EFFECT[language][record["amount"] > 0].format(said=said)


def place(probability: float, percentile: float, horizon_days: int, language: str) -> str:
    """A probability and how it stands in the model's holdout: of customers, or of texts, which are judged at once."""
    whom = _WHOM[language][horizon_days == 0]
    return _PLACE[language].format(probability=100 * probability, percentile=100 * percentile, whom=whom)


def with_doubts(predictions: Sequence[dict[str, Any]], language: str) -> list[dict[str, Any]]:
    """The predictions of a document, with `doubt` at those that exclude each other and are above 1 together.

    Who does nothing at all within some days buys nothing within as many or fewer. The models of the two are trained apart, so
    nothing keeps them from saying both.
    """
    nothing = [each for each in predictions if each["target"] == _NOTHING_AT_ALL]
    doubts: dict[int, str] = {}
    for at, each in enumerate(predictions):
        for other in nothing:
            is_excluded = each["target"] in _ACTS and each["horizon_days"] <= other["horizon_days"]
            if is_excluded and round(each["probability"] + other["probability"], FLOAT_DIGITS) > 1:
                doubts[at] = _DOUBT[language].format(other=other["label"])
                doubts.setdefault(predictions.index(other), _DOUBT[language].format(other=each["label"]))
    return [each | ({"doubt": doubts[at]} if at in doubts else {}) for at, each in enumerate(predictions)]


def _group(name: str, values: Mapping[str, float], language: str) -> str:
    """What a group of features says, in its most telling numbers. A name that is not here is said as it is."""
    is_zh = language == "zh"
    if name in ("purchases", "reviews"):
        return _acts(name, values, language)
    if name == "presence":
        known, seen = values["days_known"], _ago(values["recency_days"], language)
        return (
            f"结识 {known:.0f} 天，{seen}最后一次互动"
            if is_zh
            else f"known for {counted(round(known), 'day')}, last seen {seen}"
        )
    if name == "visits":
        views, searches = round(values["view_count"]), round(values["search_count"])
        if is_zh:
            return f"浏览 {views} 次，搜索 {searches} 次"
        return f"{counted(views, 'page view')} and {searches} {'search' if searches == 1 else 'searches'}"
    if name == "contacts":
        contacts = round(values["contact_count"])
        return f"联系客服 {contacts} 次" if is_zh else f"wrote or called {counted(contacts, 'time')}"
    if name == "order_value" and values[name] == values[name]:
        return f"平均订单金额 {values[name]:.2f}" if is_zh else f"an order is worth {values[name]:.2f} on average"
    if name == "mood":
        return _mood(values, language)
    return _NOTHING[language].format(name=_NAMES[language].get(name, (name, name))[1])


def _acts(name: str, values: Mapping[str, float], language: str) -> str:
    one, many = _NAMES[language][name]
    kind = name.removesuffix("s")
    count, recency, gap = (values[f"{kind}_{measured}"] for measured in ("count", "recency_days", "gap_days"))
    if not count or recency != recency:
        return f"还没有{one}" if language == "zh" else f"no {one} yet"
    when = _ago(recency, language)
    if language == "zh":
        rhythm = "" if gap != gap else f"，平均每 {max(gap, 1):.0f} 天一次"
        return f"{one} {count:.0f} 次，最近一次在{when}{rhythm}"
    rhythm = "" if gap != gap else f", one every {counted(max(round(gap), 1), 'day')}"
    return f"{count:.0f} {one if round(count) == 1 else many}, the last {when}{rhythm}"


def _mood(values: Mapping[str, float], language: str) -> str:
    is_zh = language == "zh"
    parts = []
    if values["rating_mean"] == values["rating_mean"]:
        rating = values["rating_mean"]
        parts.append(f"平均评分 {rating:.1f}（满分 5）" if is_zh else f"mean rating {rating:.1f} of 5")
    if values["sentiment_mean"] == values["sentiment_mean"]:
        sentiment = values["sentiment_mean"]
        parts.append(f"文字情感 {sentiment:+z.2f}" if is_zh else f"sentiment {sentiment:+z.2f} of what they wrote")
    if not parts:
        return "没有评分，也没有文字" if is_zh else "neither rated nor wrote anything"
    return ("，" if is_zh else ", ").join(parts)


def _ago(days: float, language: str) -> str:
    if round(days) == 0:
        return "今天" if language == "zh" else "today"
    return f"{days:.0f} 天前" if language == "zh" else f"{counted(round(days), 'day')} ago"


def prediction(
    record: Mapping[str, Any], evidence: Sequence[str], evidence_count: int, language: str
) -> dict[str, Any]:
    """One prediction of a document.

    Args:
        record: a row of `behaviour.prediction.predict`.
        evidence: the interactions it rests on, strongest first.
        evidence_count: how many there are in all.
    """
    is_text = bool(record["evidence"])
    # The words of a text that nobody is known by are with the others: base, amounts and rest still add up to the score.
    hidden = [each for each in record["reasons"] if is_text and is_private(each["name"])]
    return {
        "target": record["target"],
        "label": label(record["target"], int(record["horizon_days"]), language),
        "horizon_days": int(record["horizon_days"]),
        "probability": float(record["probability"]),
        "percentile": float(record["percentile"]),
        "model": {"name": record["model"], "sha": record["sha"], "as_of": record["as_of"]},
        "scale": record["scale"],
        "base": float(record["base"]),
        "score": float(record["score"]),
        "reasons": [
            {
                "name": each["name"],
                "amount": float(each["amount"]),
                "text": reason(each, is_text, language),
            }
            for each in record["reasons"]
            if each not in hidden
        ],
        "rest": math.fsum([float(record["rest"]), *(each["amount"] for each in hidden)]),
        "written_by": "template",
        "evidence": list(evidence),
        "evidence_count": evidence_count,
    }
