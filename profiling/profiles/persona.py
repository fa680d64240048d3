"""A customer in one to three sentences, by template, and the check that nothing in them goes beyond the document."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from profiling.profiles.wording import LEVEL, LIFE_CYCLE, TREND, aspect_name, counted, listed, written_language

Document = dict[str, Any]

HIGH_FROM, LOW_BELOW = 0.7, 0.4
# Below this a trend, and an aspect's polarity, are noise of the scale rather than an opinion.
STEADY_WITHIN = 0.05
CLEAR_POLARITY = 0.2
MENTIONED = 3

_WHO = {
    "en": "{who}, known for {known}: {done}, last seen {seen}.",
    "zh": "{who}：认识{known}，{done}，最近一次出现在{seen}。",
}
_LIKES = {"en": " Most interested in {topics}.", "zh": "最感兴趣的是{topics}。"}
_MOOD = {"en": " Satisfaction is {level} ({score}){rest}.", "zh": "满意度{level}（{score}）{rest}。"}
_PRAISE = {"en": "; praises {aspects}", "zh": "，称赞{aspects}"}
_COMPLAINT = {"en": "; is unhappy with {aspects}", "zh": "，不满意{aspects}"}
_WORDS = {"en": "purchase purchases review reviews interaction interactions day days ago today and", "zh": ""}
_PHRASES_ZH = ("购买", "评论", "互动", "次", "天前", "天", "当天", "和")


def write(document: Document) -> Document:
    """The persona of a document whose other parts are complete.

    Returns:
        text, language (`en` or `zh`), written_by, checked (nothing `unsupported` was found).
    """
    language = written_language(document["language"])
    text = _who(document, language) + _likes(document, language) + _mood(document, language)
    return {
        "text": text.strip(),
        "language": language,
        "written_by": "template",
        "checked": not unsupported(text, document, language),
    }


def satisfaction_level(score: float) -> str:
    return "high" if score >= HIGH_FROM else "low" if score < LOW_BELOW else "fair"


def satisfaction_trend(trend: float) -> str:
    return "steady" if abs(trend) <= STEADY_WITHIN else "rising" if trend > 0 else "falling"


def _who(document: Document, language: str) -> str:
    activity, counts = document["activity"], document["activity"]["counts"]
    kind = next((kind for kind in ("purchase", "review") if counts.get(kind)), "interaction")
    count = counts[kind] if kind in counts else activity["interaction_count"]
    known, recency = activity["days_known"], activity["recency_days"]
    if language == "zh":
        done = {"purchase": "购买", "review": "评论", "interaction": "互动"}[kind] + f"{count}次"
        days, seen = f"{known}天", f"{recency}天前" if recency else "当天"
    else:
        done, days = counted(count, kind), counted(known, "day")
        seen = f"{counted(recency, 'day')} ago" if recency else "today"
    who = LIFE_CYCLE[language][document["segment"]["life_cycle"]]
    return _WHO[language].format(who=who, known=days, done=done, seen=seen)


def _likes(document: Document, language: str) -> str:
    # A category and a keyword may bear one name, and it is said once.
    topics = list(dict.fromkeys(interest["topic"] for interest in document["interests"]))[:MENTIONED]
    return _LIKES[language].format(topics=listed(topics, language)) if topics else ""


def _mood(document: Document, language: str) -> str:
    satisfaction = document["satisfaction"]
    if satisfaction["score"] is None:
        return ""
    trend, rest = satisfaction["trend"], ""
    if trend is not None:
        rest += TREND[language][satisfaction_trend(trend)]
    for template, sign in ((_PRAISE, 1), (_COMPLAINT, -1)):
        aspects = _aspects(document, language, sign)[:MENTIONED]
        rest += template[language].format(aspects=listed(aspects, language)) if aspects else ""
    level = LEVEL[language][satisfaction_level(satisfaction["score"])]
    return _MOOD[language].format(level=level, score=f"{satisfaction['score']:.2f}", rest=rest)


def _aspects(document: Document, language: str, sign: int) -> list[str]:
    """Aspects clearly praised (sign 1) or complained of (-1), most spoken of first."""
    spoken = document["satisfaction"]["aspects"]
    return [aspect_name(a["aspect"], language) for a in spoken if sign * a["polarity"] > CLEAR_POLARITY]


# --- the check ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A phrase that asserts something, and whether the document says the same."""

    pattern: re.Pattern[str]
    holds: Callable[[Document, re.Match[str]], bool]


def unsupported(text: str, document: Document, language: str) -> list[str]:
    """What a text says that its document does not; empty when all is supported. Written for any author, not for our template.

    Three things are looked at: phrases that assert something (`CLAIMS`) must be true of the document; every number must be one
    of the document's; every word must be one of the document's terms (topics, categories, titles, aspects) or belong to
    the fixed words of the templates, so that a term from nowhere is found whatever it is.
    """
    wrong = [
        match.group(0)
        for claim in CLAIMS[language]
        for match in claim.pattern.finditer(text)
        if not claim.holds(document, match)
    ]
    rest = _without(text, _terms(document, language))
    numbers = re.findall(r"\d+(?:\.\d+)?", rest)
    if numbers:
        known = list(_numbers(document))
        wrong += [n for n in numbers if not _is_known(n, known)]
    return wrong + _strange_words(rest, language)


def _terms(document: Document, language: str) -> list[str]:
    consumption = document["consumption"]
    raw_aspects = [a["aspect"] for a in document["satisfaction"]["aspects"]]
    terms = [interest["topic"] for interest in document["interests"]]
    terms += [category["category"] for category in consumption["categories"]]
    terms += [item["title"] for item in consumption["items"] if item["title"]]
    return terms + raw_aspects + [aspect_name(aspect, language) for aspect in raw_aspects]


def _without(text: str, terms: list[str]) -> str:
    """The text with every whole occurrence of a term blanked, longest terms first."""
    for term in sorted(set(terms), key=lambda term: (-len(term), term)):
        if term.lower() in text.lower():
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(term)}(?![A-Za-z0-9])", " ", text, flags=re.IGNORECASE)
    return text


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _numbers(part)
    elif isinstance(value, list):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _is_known(number: str, known: list[float]) -> bool:
    decimals = len(number.partition(".")[2])
    return any(f"{value:.{decimals}f}" == number for value in known)


def _strange_words(rest: str, language: str) -> list[str]:
    if language == "zh":
        for phrase in _FIXED["zh"]:
            rest = rest.replace(phrase, " ")
        return re.findall(r"[^\W\d_]+", rest)
    return [word for word in re.findall(r"[^\W\d_]+", rest) if word not in _FIXED["en"]]


def _fixed(language: str) -> list[str]:
    """The words (English) or phrases (Chinese, longest first) that the templates bring themselves."""
    templates = [_WHO, _LIKES, _MOOD, _PRAISE, _COMPLAINT]
    texts = [re.sub(r"\{\w+\}", "|", template[language]) for template in templates] + [_WORDS[language]]
    for table in (LIFE_CYCLE, LEVEL, TREND):
        texts += list(table[language].values())
    if language == "en":
        return sorted({word for text in texts for word in re.findall(r"[^\W\d_]+", text)})
    phrases = {phrase for text in texts for phrase in re.findall(r"[^\W\d_]+", text)} | set(_PHRASES_ZH)
    return sorted(phrases, key=lambda phrase: (-len(phrase), phrase))


_FIXED = {language: _fixed(language) for language in LIFE_CYCLE}


def _is_count(*path: str) -> Callable[[Document, re.Match[str]], bool]:
    def holds(document: Document, match: re.Match[str]) -> bool:
        value: Any = document
        for key in path:
            value = value.get(key)
        return value == int(match.group(1))

    return holds


def _is_value(read: Callable[[Document], str | None], name: str) -> Callable[[Document, re.Match[str]], bool]:
    return lambda document, match: read(document) == name


def _names_only(read: Callable[[Document], list[str]]) -> Callable[[Document, re.Match[str]], bool]:
    """What stands in the match is a list of such names and nothing else."""
    return lambda document, match: (
        not re.findall(r"\w+", re.sub(r"\band\b|和", " ", _without(match.group(1), read(document))))
    )


def _level_of(document: Document) -> str | None:
    score = document["satisfaction"]["score"]
    return None if score is None else satisfaction_level(score)


def _trend_of(document: Document) -> str | None:
    trend = document["satisfaction"]["trend"]
    return None if trend is None else satisfaction_trend(trend)


def _claims(language: str) -> list[Claim]:
    patterns = {
        "en": {
            "known": r"known for (\d+) days?",
            "purchase": r"(\d+) purchases?\b",
            "review": r"(\d+) reviews?\b",
            "interaction": r"(\d+) interactions?\b",
            "seen": r"last seen (\d+) days? ago",
            "today": r"last seen today",
            "score": r"Satisfaction is \w+ \((\d\.\d+)\)",
            "likes": r"Most interested in (.+?)\.(?= [A-Z]|\s*$)",
            "praise": r"praises ([^;]+?)(?:;|\.\s*$)",
            "complaint": r"unhappy with ([^;]+?)(?:;|\.\s*$)",
        },
        "zh": {
            "known": r"认识(\d+)天",
            "purchase": r"购买(\d+)次",
            "review": r"评论(\d+)次",
            "interaction": r"互动(\d+)次",
            "seen": r"出现在(\d+)天前",
            "today": r"出现在当天",
            "score": r"满意度[^（。]*（(\d\.\d+)）",
            "likes": r"最感兴趣的是([^。]+)。",
            "praise": r"称赞([^，。]+)[，。]",
            "complaint": r"不满意([^，。]+)[，。]",
        },
    }[language]
    holds: dict[str, Callable[[Document, re.Match[str]], bool]] = {
        "known": _is_count("activity", "days_known"),
        "purchase": _is_count("activity", "counts", "purchase"),
        "review": _is_count("activity", "counts", "review"),
        "interaction": _is_count("activity", "interaction_count"),
        "seen": _is_count("activity", "recency_days"),
        "today": lambda document, _: document["activity"]["recency_days"] == 0,
        "score": lambda document, m: _is_known(m.group(1), [document["satisfaction"]["score"] or 0.0]),
        "likes": _names_only(lambda document: [i["topic"] for i in document["interests"]]),
        "praise": _names_only(lambda document: _aspects(document, language, 1)),
        "complaint": _names_only(lambda document: _aspects(document, language, -1)),
    }
    claims = [Claim(re.compile(patterns[name]), holds[name]) for name in patterns]
    for stage, phrase in LIFE_CYCLE[language].items():
        is_stage = _is_value(lambda document: document["segment"]["life_cycle"], stage)
        claims.append(Claim(re.compile(re.escape(phrase)), is_stage))
    before = "Satisfaction is " if language == "en" else "满意度"
    for level, phrase in LEVEL[language].items():
        claims.append(Claim(re.compile(before + phrase), _is_value(_level_of, level)))
    for trend, phrase in TREND[language].items():
        claims.append(Claim(re.compile(re.escape(phrase)), _is_value(_trend_of, trend)))
    return claims


CLAIMS = {language: _claims(language) for language in LIFE_CYCLE}
