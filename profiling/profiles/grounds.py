"""What a text about a customer may rest on: the customer's document, in the form that the fact check reads.

Attributes and consents are no grounds: where somebody lives, or their sex, is not for a sentence.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from profiling.llm.check import Claim, Grounds, is_name, names_in
from profiling.llm.numbers import Amount
from profiling.profiles.wording import LEVEL, LIFE_CYCLE, TREND, aspect_name
from profiling.text.lexicons import chinese
from profiling.text.lexicons import words as words_of_list
from profiling.text.tokens import words_of

Document = Mapping[str, Any]

HIGH_FROM, LOW_BELOW = 0.7, 0.4
# Below this a trend, and an aspect's polarity, are noise of the scale rather than an opinion.
STEADY_WITHIN = 0.05
CLEAR_POLARITY = 0.2
_KIND_OF_COUNT = {"ad_click": "interaction", "ad_impression": "interaction", "repayment": "interaction"}


def grounds_of(document: Document, language: str) -> Grounds:
    """What may be said of the customer of a document whose other parts are complete, in a language."""
    satisfaction = document["satisfaction"]
    names, orders = names_in(_terms(document, language))
    facts = document.get("facts") or []
    statements = [fact["statement"] for fact in facts]
    return Grounds(
        language=language,
        terms=names,
        words=_words(statements),
        amounts=tuple(_amounts(document)),
        dates=frozenset(_dates(document)),
        evidence=frozenset(evidence_of(document)),
        aspects={each["aspect"]: each["polarity"] for each in satisfaction["aspects"]},
        topics={each["topic"]: each["sentiment"] for each in document["interests"]},
        mood=satisfaction["score"],
        claims=(*_template_claims(document, language), *_claims(document, language)),
        written=tuple(statements),
        orders=(*orders, *(statement for statement in statements if not _is_statement(statement))),
    )


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
    return [aspect_name(each["aspect"], language) for each in spoken if sign * each["polarity"] > CLEAR_POLARITY]


def _terms(document: Document, language: str) -> list[str]:
    consumption = document["consumption"]
    raw_aspects = [each["aspect"] for each in document["satisfaction"]["aspects"]]
    terms = [interest["topic"] for interest in document["interests"]]
    terms += [category["category"] for category in consumption["categories"]]
    terms += [item["title"] for item in consumption["items"] if item["title"]]
    terms += [item["category"] for item in consumption["items"] if item["category"]]
    for offer in document.get("recommendations") or []:
        terms += [offer["title"]] if offer["title"] else []
        # The titles that a reason compares with stand in it between our own words.
        terms += re.findall(r"(?:Like|like) (.+?), which you wrote about", offer["reason"])
        terms += re.findall(r"与您评价过的“(.+?)”相似", offer["reason"])
        terms += re.findall(r"category you like: (.+?)[;.]", offer["reason"]) + re.findall(r"喜欢的品类：(.+?)[；。]", offer["reason"])
    return [*terms, *raw_aspects, *(aspect_name(aspect, language) for aspect in raw_aspects)]


def _is_statement(statement: str) -> bool:
    """Whether a fact's sentence gives no orders: each of its clauses could be a name but for its length."""
    return all(is_name(part) for part in re.split(r"[.。!！?？;；:：,，]\s*", statement) if part.strip())


def _words(statements: list[str]) -> frozenset[str]:
    """The words of facts that say nothing but facts. Chinese ones stand in the dictionary: what is cut out of a line by its looks
    may be any characters side by side."""
    stop = words_of_list("stopwords_en") | words_of_list("stopwords_zh")
    found = {word for statement in statements if _is_statement(statement) for word in words_of(statement)} - stop
    return frozenset(word for word in found if word.isascii() or word in chinese()[1])


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


def _of(pattern: str, holds: Callable[[re.Match[str]], bool] | bool, kinds: tuple[str, ...] = ()) -> Claim:
    answer: Callable[[re.Match[str]], bool] = (lambda _: holds) if isinstance(holds, bool) else holds
    return Claim(re.compile(pattern, re.IGNORECASE), answer, frozenset(kinds))


def _claims(document: Document, language: str) -> Iterator[Claim]:
    """Phrases of any author that say something of stages, value, mood, habits and the future."""
    stage, rfm = document["segment"]["life_cycle"], document["segment"]["rfm"]
    tier, counts = document["value"]["tier"], document["activity"]["counts"]
    is_loyal = stage == "loyal" or rfm in ("champions", "loyal", "potential_loyalists")
    is_here = stage in ("active", "loyal", "new")
    is_best = tier == "high" or rfm == "champions"
    level = _level_of(document)
    trend = _trend_of(document)
    has_bought, has_reviewed = bool(counts.get("purchase")), bool(counts.get("review"))
    forecast = {each["target"]: each["probability"] >= 0.5 for each in document["predictions"] or []}
    buys, leaves = forecast.get("repeat_purchase", False), forecast.get("churn", False)
    english = language == "en"

    def of(en: str, zh: str, holds: bool, *kinds: str) -> Claim:
        return _of(en if english else zh, holds, kinds)

    yield of(r"\bnew (?:customer|buyer|client|shopper|member)|newcomer|\bnew to (?:us|the shop|our)|(?:just|recently) (?:joined|started)|\bnewly\b",
             r"新客户|新顾客|新用户|新朋友|刚(?:刚)?(?:认识|加入|成为)|初次", stage == "new")  # fmt: skip
    yield of(r"\bloyal\w*|\bdevoted\b|\bfaithful\b", r"忠诚(?!值得)|忠实|老客户|老顾客|回头客|常客", is_loyal)
    yield of(r"\bactive\b|\bengaged\b|\bregular(?:ly)?\b", r"(?<!不)活跃|经常光顾", is_here, "persona", "reason")
    yield of(r"at risk|slipping away|drift\w*|cooling|about to leave", r"流失风险|即将流失|有流失", stage == "at_risk")
    yield of(r"\blapsed?\b|churned|\binactive\b|gone (?:silent|quiet)|former|\bleft us\b|no longer|stopped", r"已流失|沉睡|沉寂|不活跃|不再", stage == "lapsed")  # fmt: skip
    yield of(r"\b(?:most|very|highly|top|high)[- ]?(?:value|valuable|valued|important|spending|spenders?)\b|\b(?:best|top|key) (?:customer|buyer|client)|\bvip\b|premium|big spender",
             r"高价值|贵宾|大客户|最重要的?客户|最好的?客户|最优质|优质客户|核心客户", is_best)  # fmt: skip
    yield of(r"\blow[- ]value\b|small spender|worthless", r"低价值", tier == "low")
    # Levels, where satisfaction is spoken of.
    for name, en, zh in (
        ("high", r"satisf\w+ (?:\w+ ){0,3}(?:high|strong|very good|excellent|great)|(?:high(?:ly)?|very|fully|completely|entirely|extremely|strong(?:ly)?) satisf\w+", r"满意度(?:[^，。]{0,4})(?:较高|很高|高(?!于))|(?:非常|十分|很|相当)满意"),
        ("fair", r"satisf\w+ (?:\w+ ){0,3}(?:fair|moderate|average|medium|neutral)|(?:fairly|moderately|reasonably) satisf\w+", r"满意度(?:[^，。]{0,4})(?:一般|中等|适中|尚可)"),
        ("low", r"satisf\w+ (?:\w+ ){0,3}(?:low|weak|poor)|low satisf\w+|(?:very|deeply|extremely) (?:unhappy|dissatisfied)", r"满意度(?:[^，。]{0,4})(?:较低|偏低|很低|低(?!于))|(?:非常|十分|很)(?:不满意|失望|不满)"),
    ):  # fmt: skip
        yield of(en, zh, level == name or (level == "low" and name == "low"))
    yield of(r"\b(?:rising|rises|rise|improv\w+|increas\w+|growing|going up|trending up|better than before)\b", r"上升|提升|提高|好转|改善(?!空间)", trend == "rising", "persona")
    yield of(r"\b(?:falling|falls|fall|declin\w+|decreas\w+|worsen\w+|going down|trending down)\b", r"下降|回落|变差|下滑", trend == "falling", "persona")
    yield of(r"\b(?:steady|steadily|stable|consistent(?:ly)?|unchanged)\b", r"平稳|稳定(?!性)|不变", trend in ("steady", None), "persona")
    # What never happened.
    yield of(r"\b(?:never|not|no|without)\b(?:\W+\w+){0,2}\W+(?:bought|buy|purchas\w*|orders?|ordered)\b(?! (?:for|in|since) (?:over |about |more than )?(?:\d|\w+ (?:days?|weeks?|months?)))",
             r"从未(?:购买|下单|买过)|没有(?:购买|下单|买)过?|没买过|未购买", not has_bought)  # fmt: skip
    yield of(r"\b(?:never|not|no)\b(?:\W+\w+){0,2}\W+(?:review\w*|rated|commented)\b", r"从未(?:评价|评论)|没有(?:评价|评论)过?", not has_reviewed)
    yield of(r"\b(?:do not|don't|never|stop|avoid|cannot|can't)\b(?:\W+\w+){0,2}\W+(?:buy|order|choose|shop|visit|trust|come|try|look|return)\w*", r"(?:不要|别|请勿|切勿|不必)(?:再)?(?:购买|买|下单|选|光顾|来|看)", False, "reason", "subject", "message")
    yield of(r"\b(?:do not|don't|stop|avoid)\b(?:\W+\w+){0,2}\W+(?:buy|order|choose|shop|visit|trust|come|try|look|return|contact|write|ask|help)\w*", r"(?:不要|别|请勿|切勿|不准|不得)(?:再)?[\u4e00-\u9fff]", False, "persona")
    # A persona is about somebody, and not to them.
    yield of(r"\b(?:you|your|yours|please|hello|dear)\b", r"您|你|请", False, "persona")
    yield of(r"\b(?:this|the) (?:customer|shopper|buyer|client|person)\b", r"(?:这位|该|此)(?:客户|顾客|用户|买家|人)", False, "reason", "subject", "message")
    yield of(r"\b(?:nothing|none|nobody|anything but)\b", r"毫无|一无", False, "persona")
    yield of(r"\b(?:everything|always|never|all of)\b", r"一切|永远|从不|绝不", False, "persona", "reason")
    # The future is for predictions.
    yield of(r"\blikely to (?:buy|order|purchase|return|come back|repurchase)|\bexpected to (?:buy|order|return)", r"(?:可能|会|预计)(?:再次)?(?:回购|再次购买|复购)", buys, "persona")
    yield of(r"\blikely to (?:leave|stop|churn|lapse|drift)|\bexpected to (?:leave|stop)", r"(?:可能|会|预计)(?:将)?流失", leaves, "persona")
    yield of(r"\b(?:will|going to|won't)\b", r"(?:将会|一定会|必将|必定)", False, "persona")


def _template_claims(document: Document, language: str) -> Iterator[Claim]:
    """Phrases of our own sentences, held to the very field that they stand for."""
    activity, counts = document["activity"], document["activity"]["counts"]
    score = document["satisfaction"]["score"]
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
        "likes": lambda m: _names_only(m[1], [each["topic"] for each in document["interests"]]),
        "praise": lambda m: _names_only(m[1], aspects_of(document, language, 1)),
        "complaint": lambda m: _names_only(m[1], aspects_of(document, language, -1)),
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


def _always(answer: bool) -> Callable[[re.Match[str]], bool]:
    return lambda _: answer


def _names_only(said: str, names: list[str]) -> bool:
    """Whether a list is of such names and nothing else."""
    for name in sorted(names, key=lambda name: (-len(name), name)):
        said = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", " ", said, flags=re.IGNORECASE)
    return not re.findall(r"\w+", re.sub(r"\b(?:and|the|in)\b|和|、", " ", said))


def _level_of(document: Document) -> str | None:
    score = document["satisfaction"]["score"]
    return None if score is None else satisfaction_level(score)


def _trend_of(document: Document) -> str | None:
    trend = document["satisfaction"]["trend"]
    return None if trend is None else satisfaction_trend(trend)
