"""What a text about a customer may rest on: the customer's document, in the form that the fact check reads.

Attributes and consents are no grounds: where somebody lives, or their sex, is not for a sentence.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from profiling.facts.slots import by_name, fixed_statements
from profiling.llm.check import is_name, is_statement, is_thing, names_in
from profiling.llm.grounds import Claim, Grounds
from profiling.llm.numbers import Amount
from profiling.llm.sentiments import SPOKEN_FROM, aspects_in, judges, names_of
from profiling.llm.statements import Statements, value_of
from profiling.profiles.wording import LEVEL, LIFE_CYCLE, TREND, aspect_name, named_topics, topic_name

Document = Mapping[str, Any]

HIGH_FROM, LOW_BELOW = 0.7, 0.4
# Below this a trend, and an aspect's polarity, are noise of the scale rather than an opinion.
STEADY_WITHIN = 0.05
_BY_FACT: dict[str, Literal["same", "any"]] = {
    "intends": "any",
    "never": "same",
    "rhythm": "same",
    "deed": "same",
    "recommends": "same",
    "never_bought": "same",
    "bought_again": "same",
}
# Claims that the value of a fact may hold up: "early in the morning", "every weekend", "cooking for the family".
_OF_THINGS = frozenset(["rhythm", "never"])
# From here on a customer may be called a long-standing one.
_LONG_KNOWN_DAYS = 90
_KIND_OF_COUNT = {"ad_click": "interaction", "ad_impression": "interaction", "repayment": "interaction"}


def grounds_of(document: Document, language: str) -> Grounds:
    """What may be said of the customer of a document whose other parts are complete, in a language."""
    satisfaction = document["satisfaction"]
    names, orders = names_in(_terms(document, language))
    facts = document.get("facts") or []
    statements = [fact["statement"] for fact in facts]
    harmless = tuple(each for each in statements if is_statement(each) or each in fixed_statements())
    return Grounds(
        language=language,
        terms=names,
        statements=Statements(language, harmless, frozenset(_things(harmless, language))),
        opinions=frozenset(
            (aspect, 1.0 if fact["polarity"] > 0 else -1.0)
            for fact in facts
            # What stands in a value is the customer's wording, and no opinion that we read out of it.
            if fact["polarity"] and fact["statement"] in harmless and not value_of(fact["statement"])
            for aspect in aspects_in(fact["statement"], language)
        ),
        amounts=tuple(_amounts(document)),
        dates=frozenset(_dates(document)),
        evidence=frozenset(evidence_of(document)),
        aspects={each["aspect"]: each["polarity"] for each in satisfaction["aspects"]},
        topics={
            name: each["sentiment"]
            for each in document["interests"]
            for name in (*_called(each["topic"], language), each["topic"])
            if is_name(name) and not judges(name, language)
        },
        mood=satisfaction["score"],
        claims=(*_template_claims(document, language), *_claims(document, language)),
        written=tuple(_written(fact) for fact in facts),
        orders=(*orders, *(statement for statement in statements if statement not in harmless)),
    )


def _written(fact: Mapping[str, Any]) -> str:
    """What of a statement is the customer's: its value, where the rest is the slot's template."""
    slot, value = by_name().get((fact["topic"], fact.get("subtopic", ""))), fact.get("value")
    templates = [each for sides in slot.statements.values() for each in sides] if slot and value else []
    is_ours = any(each.format(value=value) == fact["statement"] for each in templates)
    return str(value if is_ours else fact["statement"])


def _things(statements: Iterable[str], language: str) -> Iterator[str]:
    """Values of facts that name something: what asserts a deed, a stage or a value is none, whoever says it."""
    for value in filter(None, map(value_of, statements)):
        asserts = any(pattern.search(value) for name, _, pattern in _patterns(language) if name not in _OF_THINGS)
        if is_thing(value, language) and not asserts:
            yield value


def evidence_of(part: Any) -> set[str]:
    """Every interaction cited anywhere in a document."""
    if isinstance(part, dict):
        return set(part.get("evidence") or []).union(*(evidence_of(value) for value in part.values()))
    if isinstance(part, list):
        return set().union(*(evidence_of(value) for value in part))
    return set()


def satisfaction_level(score: float) -> str:
    return "high" if score >= HIGH_FROM else "low" if score < LOW_BELOW else "fair"


def satisfaction_trend(trend: float) -> str:
    return "steady" if abs(trend) <= STEADY_WITHIN else "rising" if trend > 0 else "falling"


def aspects_of(document: Document, language: str, sign: int) -> list[str]:
    """Aspects clearly praised (sign 1) or complained of (-1), most spoken of first, as their readers call them."""
    spoken = document["satisfaction"]["aspects"]
    return [aspect_name(each["aspect"], language) for each in spoken if sign * each["polarity"] > SPOKEN_FROM]


def _terms(document: Document, language: str) -> list[str]:
    consumption = document["consumption"]
    raw_aspects = [each["aspect"] for each in document["satisfaction"]["aspects"]]
    terms = [interest["topic"] for interest in document["interests"]]
    terms += [category["category"] for category in consumption["categories"]]
    terms += [item["title"] for item in consumption["items"] if item["title"]]
    terms += [item["category"] for item in consumption["items"] if item["category"]]
    terms += [other for term in terms for other in _called(term, language)]
    for offer in document.get("recommendations") or []:
        terms += [offer["title"]] if offer["title"] else []
        # The titles that a reason compares with stand in it between our own words.
        terms += re.findall(r"(?:Like|like) (.+?), which you wrote about", offer["reason"])
        terms += re.findall(r"与您评价过的“(.+?)”相似", offer["reason"])
        terms += re.findall(r"category you like: (.+?)[;.]", offer["reason"]) + re.findall(
            r"喜欢的品类：(.+?)[；。]", offer["reason"]
        )
    return [*terms, *raw_aspects, *(aspect_name(aspect, language) for aspect in raw_aspects)]


def _called(topic: str, language: str) -> list[str]:
    """Other names of a topic in a language, by `topics.json` or its own title."""
    named = named_topics().get(topic.lower(), {})
    said = [*named.get(language, ()), *(f"{who}s" for who in named.get("en", ()) if language == "en")]
    return [*said, topic_name(topic, language)]


def _amounts(document: Document) -> Iterator[Amount]:
    activity, consumption, segment = document["activity"], document["consumption"], document["segment"]
    yield Amount(activity["interaction_count"], "interaction")
    for kind, count in activity["counts"].items():
        yield Amount(count, _KIND_OF_COUNT.get(kind, kind))
    for name in ("days_known", "recency_days"):
        yield Amount(activity[name], "day")
    rule = segment["life_cycle_rule"]
    for name in ("quiet_days", "usual_gap_days", "limit_days", "active_days"):
        if rule[name] is not None:
            yield Amount(rule[name], "day")
    for money in (consumption["spend"] or {}).values():
        yield Amount(money, "money")
    for item in consumption["items"]:
        yield Amount(item["count"], "count")
        yield Amount(item["quantity"], "count")
    for part in (*consumption["categories"], *document["interests"], *document["satisfaction"]["aspects"]):
        yield Amount(part["count"], "count")
        if "share" in part:
            yield Amount(100 * part["share"], "percent")
    if (score := document["satisfaction"]["score"]) is not None:
        yield Amount(score, "score")
        yield Amount(100 * score, "percent")
    for said in document["predictions"] or []:
        yield Amount(100 * said["probability"], "percent")
    # What our own templates say of fixed spans: bought on one of the last 30 days.
    yield Amount(30, "day")


def _dates(document: Document) -> Iterator[str]:
    yield document["as_of"]
    yield document["activity"]["first_seen_at"][:10]
    yield document["activity"]["last_seen_at"][:10]
    for fact in document.get("facts") or []:
        yield fact["stated_at"][:10]


# --- claims ---


def _claims(document: Document, language: str) -> Iterator[Claim]:
    """Phrases of any author that say something of stages, value, mood, habits and the future: `claims.json`."""
    held = _held(document)
    for name, kinds, pattern in _patterns(language):
        yield Claim(pattern, _always(held[name]), kinds, _BY_FACT.get(name), may_be_name=name in ("never", "rhythm"))


def _held(document: Document) -> dict[str, bool]:
    """By the names of `claims.json`, what holds."""
    stage, rfm = document["segment"]["life_cycle"], document["segment"]["rfm"]
    tier, counts = document["value"]["tier"], document["activity"]["counts"]
    level, trend = _level_of(document), _trend_of(document)
    foreseen = {each["target"]: each["probability"] >= 0.5 for each in document["predictions"] or []}
    return {
        "new": stage == "new",
        "loyal": stage == "loyal" or rfm in ("champions", "loyal", "potential_loyalists"),
        "here": stage in ("active", "loyal", "new"),
        "at_risk": stage == "at_risk",
        "lapsed": stage == "lapsed",
        "best": tier == "high" or rfm == "champions",
        "low_value": tier == "low",
        **{f"satisfaction_{name}": level == name for name in ("high", "fair", "low")},
        "rising": trend == "rising",
        "falling": trend == "falling",
        "steady": trend in ("steady", None),  # of habits it is said too
        "never_bought": not counts.get("purchase"),
        "bought": counts.get("purchase", 0) > 0,
        "bought_again": counts.get("purchase", 0) > 1,
        "reviewed": counts.get("review", 0) + counts.get("post", 0) > 0,
        "searched": counts.get("search", 0) > 0,
        "leaves_or_risk": stage == "at_risk" or foreseen.get("churn", False),
        "praises_service": any(
            each["aspect"] == "service" and each["polarity"] > 0 for each in document["satisfaction"]["aspects"]
        ),
        "intends": False,  # what somebody wants stands in facts only
        "never_reviewed": not counts.get("review"),
        "buys_again": foreseen.get("repeat_purchase", False),
        "leaves": foreseen.get("churn", False),
        "never": False,
        "rhythm": False,
        "deed": False,
        "recommends": False,
        "known_long": document["activity"]["days_known"] >= _LONG_KNOWN_DAYS or stage == "loyal",
        "gone": stage in ("at_risk", "lapsed"),
    }


@cache
def _patterns(language: str) -> list[tuple[str, frozenset[str], re.Pattern[str]]]:
    rows = json.loads((files("profiling.profiles") / "claims.json").read_text("utf-8"))["claims"]
    return [
        (row["holds"], frozenset(row.get("kinds", ())), re.compile("|".join(row[language]), re.IGNORECASE))
        for row in rows
        if row[language]
    ]


def _template_claims(document: Document, language: str) -> Iterator[Claim]:
    """Phrases of our own sentences, held to the very field that they stand for."""
    activity, counts = document["activity"], document["activity"]["counts"]
    score = document["satisfaction"]["score"]
    topics = [each["topic"] for each in document["interests"]]
    interests = [*topics, *(topic_name(topic, language) for topic in topics)]
    patterns: dict[str, dict[str, str]] = {
        "en": {
            "known": r"(?:known|with us|customer) for (?:about )?(\d+) days?",
            "purchase": r"(\d+) (?:purchases?|orders?)\b",
            "review": r"(\d+) reviews?\b",
            "interaction": r"(\d+) interactions?\b",
            "seen": r"(?:last )?seen (\d+) days? ago",
            "today": r"last seen today",
            "score": r"Satisfaction is \w+ \((\d\.\d+)\)",
            "likes": r"Most interested in (.+?)\.(?= [A-Z]|\s*$)",
            "praise": r"praises ([^;,.]+?)(?:[;,]|\.\s*$)",
            "complaint": r"unhappy with ([^;,.]+?)(?:[;,]|\.\s*$)",
        },
        "zh": {
            "known": r"认识(?:已有)?(\d+)天",
            "purchase": r"购买(?:了)?(\d+)次",
            "review": r"评论(?:了)?(\d+)次",
            "interaction": r"互动(?:了)?(\d+)次",
            "seen": r"出现在(\d+)天前",
            "today": r"出现在当天",
            "score": r"满意度[^（。]*（(\d\.\d+)）",
            "likes": r"最感兴趣的是([^。]+)。",
            "praise": r"，称赞([^，。；]+)[，。；]",
            "complaint": r"，不满意([^，。；]+)[，。；]",
        },
    }
    holds: dict[str, Callable[[re.Match[str]], bool]] = {
        "known": lambda m: int(m[1]) == activity["days_known"],
        "purchase": lambda m: int(m[1]) == counts.get("purchase"),
        "review": lambda m: int(m[1]) == counts.get("review"),
        "interaction": lambda m: int(m[1]) == activity["interaction_count"],
        "seen": lambda m: int(m[1]) == activity["recency_days"],
        "today": lambda _: activity["recency_days"] == 0,
        "score": lambda m: score is not None and f"{score:.2f}" == m[1],
        "likes": lambda m: _names_only(m[1], interests),
        "praise": lambda m: _names_only(m[1], _judged(document, language, 1)),
        "complaint": lambda m: _names_only(m[1], _judged(document, language, -1)),
    }
    for name, pattern in patterns[language].items():
        yield Claim(re.compile(pattern), holds[name])
    for stage, phrase in LIFE_CYCLE[language].items():
        yield Claim(re.compile(re.escape(phrase)), _always(stage == document["segment"]["life_cycle"]))
    before = "Satisfaction is " if language == "en" else "满意度"
    for level, phrase in LEVEL[language].items():
        yield Claim(re.compile(before + phrase), _always(level == _level_of(document)))
    for trend, phrase in TREND[language].items():
        yield Claim(re.compile(re.escape(phrase)), _always(trend == _trend_of(document)))


def _judged(document: Document, language: str, sign: int) -> list[str]:
    """What is clearly praised or complained of, by aspects or by facts, under all its names."""
    named = set(aspects_of(document, language, sign))
    of_facts = [fact["statement"] for fact in document.get("facts") or [] if fact["polarity"] * sign > 0]
    named |= {aspect for statement in of_facts for aspect in aspects_in(statement, language)}
    return [*named, *(name for aspect in named for name in names_of(aspect, language))]


def _always(answer: bool) -> Callable[[re.Match[str]], bool]:
    return lambda _: answer


def _names_only(said: str, names: list[str]) -> bool:
    """Whether a list is of such names and nothing else."""
    for name in sorted(names, key=lambda name: (-len(name), name)):
        said = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", " ", said, flags=re.IGNORECASE)
    return not re.findall(r"\w+", re.sub(r"\b(?:and|the|in|our|it|this|them|these)\b|和|与|、|我们的|其", " ", said))


def _level_of(document: Document) -> str | None:
    score = document["satisfaction"]["score"]
    return None if score is None else satisfaction_level(score)


def _trend_of(document: Document) -> str | None:
    trend = document["satisfaction"]["trend"]
    return None if trend is None else satisfaction_trend(trend)
