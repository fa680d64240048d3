"""Opinions in generated texts, and whether the grounds share them: of an aspect, of a topic, of how somebody feels."""

import re
from functools import cache
from typing import Any

from profiling.llm.grounds import Finding, Grounds
from profiling.llm.words import either, opinions

CLEAR = 0.05  # below this a polarity has no sign
SPOKEN_FROM = 0.2  # up to this an aspect is neither praised nor criticised
# Liked like things, not judged like a shop's work: "a love of sound".
_LIKED = frozenset(["sound", "taste", "appearance", "size_fit"])
# Characters up to which a clause is an item of a list and says nothing of its own.
_LIST_ITEM = {"en": 22, "zh": 6}
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；;])\s*|\n+")
_CLAUSE_END = {
    "en": re.compile(r"[,;:()—–]|\b(?:but|while|whereas|though|although|yet|however|despite|instead)\b", re.IGNORECASE),
    "zh": re.compile(r"[，,；：（）]|但是|不过|然而|但|而"),
}


def unshared(text: str, grounds: Grounds, kind: str) -> list[Finding]:
    """Clauses whose opinion the grounds do not share: of an aspect, of a topic, or of how somebody feels in general."""
    found = []
    for sentence in filter(None, map(str.strip, _SENTENCE_END.split(text))):
        before, spoken = 0.0, set[str]()
        for clause in filter(None, map(str.strip, _CLAUSE_END[grounds.language].split(sentence))):
            found += [
                Finding("sentiment", said)
                for said, sign in _absences(clause, grounds.language)
                if _holds(grounds, sign)
            ]
            opinion, is_liking = _opinion(clause, grounds.language)
            named = aspects_in(clause, grounds.language)
            if not opinion and named and len(clause) <= _LIST_ITEM[grounds.language]:
                opinion = before  # "praises quality, service": what was said first holds of the list
            if opinion and not named and opinion == before and _continues(grounds.language).match(clause):
                named = spoken  # "frustrated with delivery, which has been a sore point"
            before, spoken = opinion or before, named or spoken
            if opinion and not _shares(grounds, clause, opinion, is_liking, named, kind):
                found.append(Finding("sentiment", clause))
    return found


@cache
def _continues(language: str) -> re.Pattern[str]:
    """How a clause begins that says more of what stood before it."""
    return re.compile(r"(?:which|an?|one|something)\b" if language == "en" else "这|也?是|成为|属于", re.IGNORECASE)


def _shares(grounds: Grounds, clause: str, opinion: float, is_liking: bool, named: set[str], kind: str) -> bool:
    # "Customers with your taste like it" is no opinion of its taste.
    if named and not (is_liking and (kind != "persona" or named <= _LIKED)):
        return all(
            _agrees(grounds.aspects.get(aspect), opinion) or (aspect, opinion) in grounds.opinions for aspect in named
        )
    topics = [sentiment for topic, sentiment in grounds.topics.items() if topic.lower() in clause.lower()]
    if topics or (is_liking and kind != "persona"):
        return opinion > 0 or any(sentiment is not None and sentiment < 0 for sentiment in topics)
    if is_liking:  # "likes to browse"; "dislikes shopping" is a mood
        return opinion > 0
    if kind != "persona":  # the shop's own mood: glad to help, sorry
        return opinion > 0 or any(polarity < 0 for polarity in grounds.aspects.values())
    if grounds.mood is None:
        return False
    return grounds.mood >= 0.5 if opinion > 0 else grounds.mood < 0.5


def _agrees(polarity: float | None, opinion: float) -> bool:
    return polarity is not None and polarity * opinion > 0 and abs(polarity) > CLEAR


def _absences(clause: str, language: str) -> list[tuple[str, float]]:
    """Where a clause says that nothing was praised (1) or criticised (-1)."""
    found = []
    for match in _absence(language).finditer(clause):
        is_good, is_bad = (pattern.search(match.group(0)) for pattern in _sides(language))
        found += [(match.group(0), sign) for sign, side in ((1.0, is_good), (-1.0, is_bad)) if side]
    return found


def _holds(grounds: Grounds, sign: float) -> bool:
    return any(polarity * sign > SPOKEN_FROM for polarity in grounds.aspects.values()) or any(
        known == sign for _, known in grounds.opinions
    )


@cache
def _absence(language: str) -> re.Pattern[str]:
    said = _ABSENCE[language]
    either_side = "|".join(said["sides"])
    joined = rf"(?:{either_side})(?:{said['and']}(?:{either_side}))?"
    return re.compile("|".join(each.replace("SIDES", joined) for each in said["patterns"]), re.IGNORECASE)


@cache
def _sides(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    good, bad = _ABSENCE[language]["sides"]
    return re.compile(good, re.IGNORECASE), re.compile(bad, re.IGNORECASE)


_OFFER_OF_HELP = re.compile(
    "(?:如果?|若|倘若)?有(?:任何|什么|其他)?(?:问题|疑问)(?=$|请|随时|可|都|欢迎|就|的话)"
)  # "if there are any questions"
# How one says that there is no praise and no criticism.
_ABSENCE: dict[str, Any] = {
    "en": {
        "sides": [
            r"(?:praise\w*|compliment\w*|positive)",
            r"(?:critici\w+|complain\w*|grumbl\w+|grievance\w*|negative|objections?|faults?)",
        ],
        "and": r"(?:,? (?:or|and|nor) )",
        "patterns": [
            r"\b(?:no|without(?: any| a| a single)?|not (?:any|one|a single|a)|neither)\s+(?:\w+\s+)?SIDES",
            r"SIDES (?:nothing|none)\b",
            r"\bnothing (?:is |was |has been |to |they )?SIDES",
        ],
    },
    "zh": {
        "sides": ["表扬|称赞|赞扬|好评|正面|褒贬|褒", "批评|抱怨|负面|差评|不满|投诉|贬"],
        "and": "(?:或|与|和|、|及|也没有|或是|或者)?",
        "patterns": [
            "(?:没有|未见|未曾|未|暂无|尚无|并无|无|没)(?:留下|提出|表达|出现|给出|有|看到|见到|明确|任何|具体|明显|的|过)*(?:SIDES)(?:意见|评价|反馈|记录|之词)?",
        ],
    },
}  # fmt: skip


def _opinion(clause: str, language: str) -> tuple[float, bool]:
    """-1, 0 or 1, and whether it is only a liking. Any negative word weighs more than the positive ones beside it."""
    signs: set[int] = set()
    names: set[str] = set()
    taken: list[tuple[int, int]] = []
    clause = re.sub("满意(?:度|程度)", "度", clause)  # a scale, no opinion
    clause = _OFFER_OF_HELP.sub("", clause)
    clause = _absence(language).sub(" ", clause)
    clause = re.sub(r"\bwell-(?=[a-z])", "", clause, flags=re.IGNORECASE)  # "a well-brewed tea"
    denied = True
    for name, sign, pattern in _opinion_patterns(language):
        for match in pattern.finditer(clause):
            if not any(start < match.end() and match.start() < end for start, end in taken):
                taken.append(match.span())
                is_denied = bool(_negation(language).search(clause[: match.start()]))
                signs.add(-sign if is_denied else sign)
                denied = denied and is_denied
                names.add(name)
    if not signs or (denied and len(signs) > 1):  # "no praise and no complaint"
        return 0.0, False
    return float(min(signs)), "likes" in names and names <= {"likes", "praise"}


def judges(text: str, language: str) -> bool:
    """Whether a text holds a word of opinion other than a liking; a slow coffee and a quick dinner are judged by nobody."""
    said = _PACE[language].sub(" ", text)
    return any(pattern.search(said) for name, _, pattern in _opinion_patterns(language) if name != "likes")


_PACE = {"en": re.compile(r"\b(?:slow|quick|fast|swift)\b", re.IGNORECASE), "zh": re.compile("慢慢|快手|慢|快")}


@cache
def _opinion_patterns(language: str) -> list[tuple[str, int, re.Pattern[str]]]:
    listed = opinions()[language]
    order = (("negative", -1), ("positive", 1), ("praise", 1), ("likes", 1))
    return [(name, sign, either(tuple(listed[name]), language)) for name, sign in order]


@cache
def _negation(language: str) -> re.Pattern[str]:
    """Ends just before the opinion, at most three words between in English."""
    words = "|".join(re.escape(word) for word in sorted(opinions()[language]["negation"], key=len, reverse=True))
    return re.compile(
        rf"(?:\b(?:{words})|n[’']t)\s+(?:\w+\s+){{0,3}}$"
        if language == "en"
        else rf"(?:{words})(?:能|曾|有)?(?:[让令使](?:其|人|客户)?)?[太够是很会]?$",
        re.I,
    )


def names_of(aspect: str, language: str) -> list[str]:
    """How texts call an aspect."""
    return _ASPECT_NAMES[language].get(aspect, [])


def aspects_in(clause: str, language: str) -> set[str]:
    clause = re.sub(r"\btastes? (?:for|in)\b", "liking", clause, flags=re.IGNORECASE)
    return {aspect for aspect, pattern in _aspect_patterns(language).items() if pattern.search(clause)}


# Names of aspects beyond the words by which texts of customers are found to speak of them. `package` and `set up` are things.
_ASPECT_NAMES = {
    "en": {
        "delivery": ["delivery", "deliveries", "shipping"], "price": ["price", "prices", "pricing", "cost"],
        "quality": ["quality"], "service": ["service", "customer service", "support"], "packaging": ["packaging"],
        "appearance": ["appearance", "looks"], "taste": ["taste", "flavour", "flavor"], "ease_of_use": ["ease of use"],
        "size_fit": ["size", "sizing"], "sound": ["sound"],
    },
    "zh": {
        "delivery": ["物流", "配送", "送货", "快递", "发货"], "price": ["价格", "价钱", "性价比"],
        "quality": ["质量", "品质", "做工"],
        "service": ["服务", "客服", "售后"], "packaging": ["包装"], "appearance": ["外观"], "taste": ["口味", "味道", "口感"],
        "ease_of_use": ["易用性"], "size_fit": ["尺寸"],
    },
}  # fmt: skip


@cache
def _aspect_patterns(language: str) -> dict[str, re.Pattern[str]]:
    return {aspect: either(tuple(names), language) for aspect, names in _ASPECT_NAMES[language].items()}
