"""Predictions for people: what is predicted and why, in English and Chinese."""

from collections.abc import Mapping, Sequence
from typing import Any

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
        ],
        "rest": float(record["rest"]),
        "written_by": "template",
        "evidence": list(evidence),
        "evidence_count": evidence_count,
    }
