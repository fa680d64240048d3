"""Predictions for people: what is predicted and why, in English and Chinese."""

from collections.abc import Mapping, Sequence
from typing import Any

from profiling.profiles.canonical import known

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
# By feature: what a value says, and what its absence says.
FEATURES = {
    "en": {
        "days_known": ("known for {value:.0f} days", ""),
        "recency_days": ("last seen {value:.0f} days ago", ""),
        "interaction_count": ("{value:.0f} interactions in all", ""),
        "interaction_recent": ("recent interactions weigh {value:.1f}", ""),
        "order_value": ("an order is worth {value:.2f} on average", "no order value known"),
        "rating_mean": ("mean rating {value:.1f} of 5", "no rating known"),
        "sentiment_mean": ("mean sentiment {value:+.2f} of what they wrote", "nothing written"),
        "sentiment_recent": ("recent sentiment {value:+.2f}", "nothing written lately"),
    },
    "zh": {
        "days_known": ("结识 {value:.0f} 天", ""),
        "recency_days": ("{value:.0f} 天前最后一次互动", ""),
        "interaction_count": ("共有 {value:.0f} 次互动", ""),
        "interaction_recent": ("近期互动权重 {value:.1f}", ""),
        "order_value": ("平均订单金额 {value:.2f}", "订单金额未知"),
        "rating_mean": ("平均评分 {value:.1f}（满分 5）", "没有评分"),
        "sentiment_mean": ("文字平均情感 {value:+.2f}", "没有写过文字"),
        "sentiment_recent": ("近期情感 {value:+.2f}", "近期没有文字"),
    },
}
_KINDS = {
    "en": {
        "purchase": "purchases", "review": "reviews", "view": "page views", "search": "searches", "contact": "contacts",
    },
    "zh": {"purchase": "购买", "review": "评价", "view": "浏览", "search": "搜索", "contact": "联系"},
}  # fmt: skip
# By what is measured of a kind.
_OF_A_KIND = {
    "en": {
        "count": ("{value:.0f} {kind}", ""),
        "recent": ("recent {kind} weigh {value:.1f}", ""),
        "recency_days": ("{value:.0f} days since the last of the {kind}", "no {kind} yet"),
        "gap_days": ("{kind} come every {value:.0f} days", "no rhythm of {kind} known"),
        "overdue": (
            "the wait since the last of the {kind} is {value:.1f} times the usual gap",
            "no rhythm of {kind} known",
        ),
    },
    "zh": {
        "count": ("{kind} {value:.0f} 次", ""),
        "recent": ("近期{kind}权重 {value:.1f}", ""),
        "recency_days": ("距上次{kind} {value:.0f} 天", "还没有{kind}"),
        "gap_days": ("平均每 {value:.0f} 天{kind}一次", "{kind}节奏未知"),
        "overdue": ("距上次{kind}已是平常间隔的 {value:.1f} 倍", "{kind}节奏未知"),
    },
}
_WORD = {"en": "the words “{name}”", "zh": "文字“{name}”"}
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
        record: {name, value, amount}: a feature or a token, what the model read, and what it added to the score.
    """
    said = (
        _WORD[language].format(name=record["name"]) if is_text else _feature(record["name"], record["value"], language)
    )
    return _EFFECT[language][record["amount"] > 0].format(said=said)


def _feature(name: str, value: float | None, language: str) -> str:
    kind, _, measured = name.partition("_")
    if name in FEATURES[language]:
        known, unknown = FEATURES[language][name]
        words: dict[str, Any] = {}
    elif kind in _KINDS[language] and measured in _OF_A_KIND[language]:
        known, unknown = _OF_A_KIND[language][measured]
        words = {"kind": _KINDS[language][kind]}
    else:
        return name if value is None else f"{name} {value:g}"
    return (unknown or name).format(**words) if value is None else known.format(value=value, **words)


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
                "value": known(each["value"], "not known of this customer"),
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
