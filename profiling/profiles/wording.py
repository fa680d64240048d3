"""Words for people, in English and Chinese: the tables behind every sentence of a profile."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from profiling.errors import InputError
from profiling.text.language import is_chinese

LANGUAGES = ("en", "zh")

LIFE_CYCLE = {
    "en": {
        "new": "A new customer",
        "active": "An active customer",
        "loyal": "A loyal customer",
        "at_risk": "A customer at risk of leaving",
        "lapsed": "A lapsed customer",
    },
    "zh": {
        "new": "新客户",
        "active": "活跃客户",
        "loyal": "忠诚客户",
        "at_risk": "有流失风险的客户",
        "lapsed": "已流失的客户",
    },
}
# What a customer's rhythm is measured by.
ACTS = {
    "en": {"ad_click": "click", "ad_impression": "advert", "contact": "message"},
    "zh": {
        "purchase": "购买", "review": "评价", "view": "浏览", "search": "搜索", "post": "发帖", "email": "来信",
        "delivery": "收货", "repayment": "还款", "ad_impression": "看广告", "ad_click": "点击广告", "contact": "联系",
    },
}  # fmt: skip
LEVEL = {
    "en": {"high": "high", "fair": "fair", "low": "low"},
    "zh": {"high": "较高", "fair": "一般", "low": "较低"},
}
TREND = {
    "en": {"rising": " and rising", "steady": " and steady", "falling": " and falling"},
    "zh": {"rising": "，呈上升趋势", "steady": "，保持平稳", "falling": "，呈下降趋势"},
}
# Names of the aspects that are found in texts; one that is not here keeps its own name.
ASPECTS = {
    "en": {"ease_of_use": "ease of use", "size_fit": "size and fit"},
    "zh": {
        "appearance": "外观",
        "delivery": "物流",
        "ease_of_use": "易用性",
        "packaging": "包装",
        "price": "价格",
        "quality": "质量",
        "service": "服务",
        "size_fit": "尺寸",
        "taste": "口味",
    },
}
# Why an item is recommended, by the recommender's code (and a variant where its parameters are empty); the slots are the
# reason's parameters.
REASONS = {
    "en": {
        "content": "like {like_title}, which you wrote about",
        "content_in_general": "close to what you wrote about",
        "category": "from a category you like: {category}",
        "category_in_general": "from a category you like",
        "popular": "popular with other customers lately",
        "untried": "something you have not had yet",
    },
    "zh": {
        "content": "与您评价过的“{like_title}”相似",
        "content_in_general": "与您写过的内容相近",
        "category": "属于您喜欢的品类：{category}",
        "category_in_general": "属于您喜欢的品类",
        "popular": "近来受到其他客户欢迎",
        "untried": "您还没有尝试过",
    },
}


def written_language(language: str) -> str:
    """The language sentences are written in: the customer's where there are templates for it, else English."""
    return language if language in LANGUAGES else "en"


def aspect_name(aspect: str, language: str) -> str:
    """An aspect as its readers call it."""
    return ASPECTS[language].get(aspect, aspect)


def title_in(title: str, language: str) -> str:
    """The part of a title in two languages (`Frying pan / 平底锅`) that is in one of them; any other title whole."""
    parts = re.split(r"\s+/\s+", title)
    own = [part for part in parts if is_chinese(part) == (language == "zh")]
    return " / ".join(own) if own and len(own) < len(parts) else title


def topic_name(topic: str, language: str) -> str:
    """A topic or category as its readers call it, where `topics.json` or its own title has a name in their language."""
    thing = same_thing(topic)
    named = named_topics().get(thing)
    if named is None:
        return title_in(topic, language)
    if language == "zh":
        return named["zh"][0]
    return thing if is_chinese(topic) else topic


def same_thing(topic: str) -> str:
    """One name for a topic in either language: `coffee` of Coffee and of 咖啡, the first Chinese name; others are looser."""
    low = topic.lower()
    return _english_names().get(low, low)


@cache
def named_topics() -> dict[str, dict[str, list[str]]]:
    """By the English name of a topic its other names by language."""
    rows = json.loads((files("profiling.llm") / "data" / "topics.json").read_text("utf-8"))
    return {name: row for name, row in rows.items() if name != "note"}


@cache
def _english_names() -> dict[str, str]:
    return {row["zh"][0]: name for name, row in named_topics().items()}


def listed(terms: Sequence[str], language: str) -> str:
    """`a`, `a and b`, `a, b and c`; in Chinese `a、b和c`."""
    comma, last = ("、", "和") if language == "zh" else (", ", " and ")
    return comma.join(terms[:-1]) + last + terms[-1] if len(terms) > 1 else "".join(terms)


def counted(count: int, noun: str) -> str:
    """`1 day`, `2 days`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def reason_sentence(reasons: Sequence[Mapping[str, Any]], language: str) -> str:
    """The reasons of one recommendation as one sentence, said to the customer.

    Args:
        reasons: each with `code` and `params`, the strongest first: `content` {like, like_title}, `category` {category},
            `popular` {recent_count}.
        language: `en` or `zh`.

    Raises:
        InputError: there is no sentence for a code, or a parameter of it is missing.
    """
    parts = []
    for reason in reasons:
        template = REASONS[language].get(_variant(reason["code"], reason["params"]))
        if template is None:
            raise InputError(f"no sentence for the reason {reason['code']!r}; add one to REASONS in both languages")
        try:
            parts.append(template.format_map(_in_words(reason["params"], language)))
        except KeyError as error:
            raise InputError(f"the reason {reason['code']!r} comes without its parameter {error}") from error
    text = "；".join(parts) + "。" if language == "zh" else "; ".join(parts) + "."
    return text[0].upper() + text[1:]


def without_names(reason: Mapping[str, Any]) -> dict[str, Any]:
    """The same reason where what it names may not be said: its sentence does without."""
    return {**reason, "params": {**reason["params"], **dict.fromkeys(_NAMED)}}


_NAMED = ("like", "like_title", "category")


def _in_words(params: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Parameters with what they name in the reader's language."""
    said = dict(params)
    if said.get("like_title"):
        said["like_title"] = title_in(said["like_title"], language)
    if said.get("category"):
        said["category"] = topic_name(said["category"], language)
    return said


def _variant(code: str, params: Mapping[str, Any]) -> str:
    if code == "content" and params.get("like") is None:
        return "content_in_general"
    if code == "category" and params.get("category") is None:
        return "category_in_general"
    if code == "popular" and params.get("recent_count") == 0:
        return "untried"
    return str(code)
