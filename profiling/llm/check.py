"""What a generated text says that its grounds do not: one check for every author, ours included.

A text passes if everything it is made of is known: names, numbers, dates and citations from the grounds, all other words from
a list of plain ones, and nothing of what no text may hold. So an attack that nobody thought of fails for its words.
What is looked at, with the reason it is counted under:

form         length, characters that are not seen or only look like letters, markup, code, encoded runs
contact      addresses, links, telephone numbers
instruction  the talk of instructions, roles and machines
promise      money, gifts, discounts, guarantees
sensitive    health, religion, origin, sexuality, politics, sex, age
echo         a long run of what a customer wrote
evidence     a citation that is not among those given, or none where one is owed
language     another language than the text should have
claim        a phrase that asserts something which the grounds deny
number       a number, amount or date that the grounds do not have
sentiment    an opinion that the grounds do not share
name, word   a name, or another word, that is in neither
"""

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from profiling.llm.numbers import Amount, amounts
from profiling.text.lexicons import words as words_of_list

REASONS = (
    "form", "contact", "instruction", "promise", "sensitive", "echo", "evidence", "language", "claim", "number", "sentiment",
    "name", "word",
)  # fmt: skip
# Characters by kind of text and language; a template that is longer than this is too long as well.
LENGTHS = {
    "persona": {"en": 700, "zh": 260},
    "reason": {"en": 320, "zh": 160},
    "subject": {"en": 90, "zh": 40},
    "message": {"en": 650, "zh": 220},
}
# A run this long of what a customer wrote is a quotation: words, or Chinese characters.
ECHO_WORDS, ECHO_CHARACTERS = 8, 16
# The same of what looks like an order, where less is enough.
ORDER_WORDS, ORDER_CHARACTERS = 4, 8
_LONGEST_TERM, _LONGEST_TERM_WORDS = 80, 10
_CLEAR = 0.05  # below this a polarity has no sign

_DATA = files("profiling.llm") / "data"
_WORD = re.compile(r"[^\W\d_]+")
_HYPHENED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_HAN_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；;])\s*|\n+")
_CLAUSE_END = {
    "en": re.compile(r"[,;:()—–]|\b(?:but|while|whereas|though|although|yet|however|despite|instead)\b", re.IGNORECASE),
    "zh": re.compile(r"[，,；：（）]|但是|不过|然而|但|而"),
}
# What may stand in a text outside names. Quotation marks, dashes and the like; no brackets, slashes or signs of code.
_MARKS = frozenset(" .,;:!?'\"()-–—%’‘“”，。；：！？、（）《》·…￥$€¥")
_CONTACT = re.compile(
    r"https?:|www\.|\S@\S|\b[a-z0-9-]{2,}(?:\.|\s?\[\.\]\s?|\s?\(dot\)\s?| dot )"
    r"(?:com|net|org|io|cn|co|info|biz|shop|app|xyz|ru|me|ly|top|link|site|online)\b"
    r"|(?:\+?\d[\s().-]?){7,}",
    re.IGNORECASE,
)
_DAY = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_ENCODED = re.compile(
    r"[A-Za-z0-9+/=_-]{22,}|\b(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{3,}\b|(?:\\|%|&#)[0-9a-fux]{2,}"
)


class Finding(NamedTuple):
    """Something wrong: the reason to count by, and the place in the text."""

    reason: str
    what: str


@dataclass(frozen=True)
class Claim:
    """A phrase that asserts something, and whether the grounds say the same; `kinds`: of texts where it is looked for, or all."""

    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str]], bool]
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Grounds:
    """What a text may rest on.

    Attributes:
        language: it has to be written in, `en` or `zh`.
        terms: names that may be said, as `names_in` returns them.
        words: other words, lower case, that the grounds bring; only a persona may say them.
        amounts: numbers that may be said, with their units.
        dates: YYYY-MM-DD.
        evidence: what may be cited.
        aspects: polarity by the aspect's name as `profiling.text` knows it.
        topics: sentiment by topic; None where nothing was said of it.
        mood: satisfaction, 0 to 1; None where unknown.
        claims: phrases and whether they hold.
        written: what customers wrote, of which no long run may be repeated.
        orders: what of it looks like an order to whoever reads it.
    """

    language: str
    terms: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    amounts: tuple[Amount, ...] = ()
    dates: frozenset[str] = frozenset()
    evidence: frozenset[str] = frozenset()
    aspects: Mapping[str, float] = field(default_factory=dict)
    topics: Mapping[str, float | None] = field(default_factory=dict)
    mood: float | None = None
    claims: tuple[Claim, ...] = ()
    written: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()


def check(text: str, grounds: Grounds, kind: str, cited: Collection[str] | None = None) -> list[Finding]:
    """What is wrong with a text; empty where everything is supported.

    Args:
        kind: `persona`, `reason`, `subject` or `message`.
        cited: ids the author names as evidence; None where no evidence is asked for.
    """
    found = _form(text, grounds.language, kind)
    rest = without_terms(text, grounds.terms)
    found += forbidden(rest) + _forbidden(text, ("sensitive",))
    found += _echoes(text, grounds)
    if cited is not None:
        strange = sorted(set(cited) - grounds.evidence)
        found += [Finding("evidence", each) for each in strange or ([] if cited else ["none cited"])]
    claimed, found_claims = _claims(text, grounds, kind)
    found += found_claims
    found += _numbers(rest, grounds, claimed)
    found += _sentiments(text, grounds, kind)
    return found + _words(rest, grounds, grounds.words if kind == "persona" else frozenset(), kind)


def forbidden(text: str) -> list[Finding]:
    """What no text may hold, whatever it rests on: contacts, instructions, promises, what is sensitive. In either language."""
    seen = _DAY.sub(" ", _seen(text))  # which is as long as a telephone number
    found = [Finding("contact", match.group(0)) for match in _CONTACT.finditer(seen)]
    return found + _forbidden(text, ("instruction", "promise", "sensitive"))


def is_sensitive(text: str) -> bool:
    """Whether a text speaks of what is nobody's business: health, religion, origin, sexuality, politics, sex, age."""
    return bool(_forbidden(text, ("sensitive",)))


def is_name(term: str) -> bool:
    """Whether something looks like the name of a thing and not like a sentence, an address or an order."""
    if not term.strip() or len(term) > _LONGEST_TERM or len(term.split()) > _LONGEST_TERM_WORDS:
        return False
    if (
        not term.isprintable()
        or re.search(r"[<>{}\[\]`|\\@*_~^=#!?。！？；;:：]|\.\s|https?|://", term)
        or _ENCODED.search(term)
    ):
        return False
    return not (_odd_letters(term) or forbidden(term) or _forbidden(term, ("term",)))


def is_statement(sentence: str) -> bool:
    """Whether a sentence says something and orders nobody to do anything."""
    return not (
        _odd_letters(sentence) or _ENCODED.search(sentence) or forbidden(sentence) or _forbidden(sentence, ("order",))
    )


def names_in(terms: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names that may be said of some terms, and the terms that are none.

    A title is often said in part (`frying pan` of `Copperleaf frying pan / 铜叶平底锅`), so every run of a name's words counts.
    """
    names: set[str] = set()
    whole: set[str] = set()
    orders = []
    for term in sorted(set(terms)):
        if not is_name(term):
            orders.append(term)
            continue
        whole.add(term)
        for part in re.split(r"\s*/\s*|\s*[()（）|,，]\s*", term):
            words = part.split()
            names |= {" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
            for run in _HAN_RUN.findall(part):
                names |= {run[i:j] for i in range(len(run)) for j in range(i + 2, len(run) + 1)}
    small = _plain("en") | {"x", "g"}
    return frozenset(whole | {name for name in names if name and name.lower() not in small}), tuple(orders)


def without_terms(text: str, terms: Collection[str]) -> str:
    """The text with every whole occurrence of a name blanked, longest first."""
    low = text.lower()
    for term in sorted(terms, key=lambda term: (-len(term), term)):
        if term.lower() in low:
            inside = re.escape(term)
            before = r"(?<![A-Za-z0-9])" if term[0].isascii() else ""
            after = r"(?:'s|s|es)?(?![A-Za-z0-9])" if term[-1].isascii() else ""
            text = re.sub(before + inside + after, " ¤ ", text, flags=re.IGNORECASE)
    return text


# --- form ---


def _form(text: str, language: str, kind: str) -> list[Finding]:
    found = []
    if not text.strip() or len(text) > LENGTHS[kind][language]:
        found.append(Finding("form", "length"))
    found += [
        Finding("form", f"U+{ord(character):04X}")
        for character in text
        if unicodedata.category(character)[0] == "C" or unicodedata.category(character) in ("Zl", "Zp")
    ]
    return found + [Finding("form", each) for each in _odd_letters(text)]


def _odd_letters(text: str) -> list[str]:
    """Letters and digits that are neither Latin nor Han, or only look like them: Cyrillic, full width, mathematical, combined."""
    odd = []
    for character in text:
        if character.isascii() or _HAN.match(character):
            continue
        if unicodedata.category(character)[0] in "LNM" and not ("À" <= character <= "ÿ"):
            odd.append(character)
    return odd


def _seen(text: str) -> str:
    """The text as a reader sees it: without characters that show nothing, compatible forms as one."""
    shown = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) not in ("Cf", "Mn"))
    return "".join(shown)


# --- what no text may hold ---


def _forbidden(text: str, reasons: Sequence[str]) -> list[Finding]:
    seen = _seen(text)
    return [
        Finding(reason, match.group(0))
        for reason in reasons
        for language in ("en", "zh")
        for match in _pattern(reason, language).finditer(seen)
    ]


@cache
def _pattern(reason: str, language: str) -> re.Pattern[str]:
    either = "|".join(_data("forbidden")[reason][language])
    return re.compile(rf"(?<![\w-])(?:{either})(?!\w)" if language == "en" else either, re.IGNORECASE)


@cache
def _data(name: str) -> dict[str, Any]:
    return json.loads((_DATA / f"{name}.json").read_text("utf-8"))


def _echoes(text: str, grounds: Grounds) -> list[Finding]:
    found = []
    for sources, words, characters in (
        (grounds.written, ECHO_WORDS, ECHO_CHARACTERS),
        (grounds.orders, ORDER_WORDS, ORDER_CHARACTERS),
    ):
        runs = _runs(text, words, characters)
        if runs:
            shared = runs & set().union(*(_runs(source, words, characters) for source in sources))
            found += [Finding("echo", run) for run in sorted(shared)[:1]]
    return found


def _runs(text: str, words: int, characters: int) -> set[str]:
    said = re.findall(r"[a-z0-9]+", _seen(text).lower())
    found = {" ".join(said[i : i + words]) for i in range(len(said) - words + 1)}
    han = "".join(_HAN.findall(text))
    return found | {han[i : i + characters] for i in range(len(han) - characters + 1)}


# --- claims and numbers ---


def _claims(text: str, grounds: Grounds, kind: str) -> tuple[list[tuple[int, int]], list[Finding]]:
    """Where claims stand that hold (their numbers are looked at by them), and those that do not."""
    held, found = [], []
    for claim in grounds.claims:
        if claim.kinds and kind not in claim.kinds:
            continue
        for match in claim.pattern.finditer(text):
            if claim.holds(match):
                held.append(match.span())
            else:
                found.append(Finding("claim", match.group(0)))
    return held, found


def _numbers(rest: str, grounds: Grounds, claimed: list[tuple[int, int]]) -> list[Finding]:
    return [
        Finding("number", said.what)
        for said in amounts(rest, grounds.language)
        if not said.is_among(grounds.amounts, grounds.dates)
    ]


# --- sentiment ---


def _sentiments(text: str, grounds: Grounds, kind: str) -> list[Finding]:
    """Clauses whose opinion the grounds do not share: of an aspect, of a topic, or of how somebody feels in general."""
    found = []
    for sentence in filter(None, map(str.strip, _SENTENCE_END.split(text))):
        before, spoken = 0.0, set[str]()
        for clause in filter(None, map(str.strip, _CLAUSE_END[grounds.language].split(sentence))):
            opinion, is_liking = _opinion(clause, grounds.language)
            named = _aspects_in(clause, grounds.language)
            if not opinion and named:
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
    if named and not (
        is_liking and kind != "persona"
    ):  # "customers with your taste like it" is no opinion of its taste
        return all(_agrees(grounds.aspects.get(aspect), opinion) for aspect in named)
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
    return polarity is not None and polarity * opinion > 0 and abs(polarity) > _CLEAR


def _opinion(clause: str, language: str) -> tuple[float, bool]:
    """-1, 0 or 1, and whether it is only a liking. Any negative word weighs more than the positive ones beside it."""
    signs: set[int] = set()
    names: set[str] = set()
    taken: list[tuple[int, int]] = []
    clause = re.sub("满意(?:度|程度)", "度", clause)  # a scale, no opinion
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


@cache
def _opinion_patterns(language: str) -> list[tuple[str, int, re.Pattern[str]]]:
    listed = _data("opinions")[language]
    order = (("negative", -1), ("positive", 1), ("praise", 1), ("likes", 1))
    return [(name, sign, _either(tuple(listed[name]), language)) for name, sign in order]


@cache
def _negation(language: str) -> re.Pattern[str]:
    """Ends just before the opinion, at most three words between in English."""
    words = "|".join(re.escape(word) for word in sorted(_data("opinions")[language]["negation"], key=len, reverse=True))
    return re.compile(
        rf"(?:\b(?:{words})|n[’']t)\s+(?:\w+\s+){{0,3}}$" if language == "en" else rf"(?:{words})[太够是很会]?$", re.I
    )


@cache
def _either(words: tuple[str, ...], language: str) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
    return re.compile(rf"\b(?:{either})\b" if language == "en" else either, re.IGNORECASE)


def _aspects_in(clause: str, language: str) -> set[str]:
    return {aspect for aspect, pattern in _aspect_patterns(language).items() if pattern.search(clause)}


# Names of aspects beyond the words by which texts of customers are found to speak of them. `package` and `set up` are things.
_ASPECT_NAMES = {
    "en": {
        "delivery": ["delivery", "deliveries", "shipping"], "price": ["price", "prices", "pricing", "cost"],
        "quality": ["quality"], "service": ["service", "customer service", "support"], "packaging": ["packaging"],
        "appearance": ["appearance", "looks"], "taste": ["taste", "flavour", "flavor"], "ease_of_use": ["ease of use"],
        "size_fit": ["size", "sizing", "fit"], "sound": ["sound"],
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
    return {aspect: _either(tuple(names), language) for aspect, names in _ASPECT_NAMES[language].items()}


# --- words ---


def _words(rest: str, grounds: Grounds, own: Collection[str], kind: str) -> list[Finding]:
    """Words that are neither plain nor the grounds'. Names are told from other words by their capital."""
    found = [
        Finding("form", mark)
        for mark in dict.fromkeys(rest)
        if not (mark.isalnum() or mark in _MARKS or mark == "¤" or unicodedata.category(mark)[0] in "LNMC")
    ]
    found += [Finding("form", match.group(0)) for match in _ENCODED.finditer(rest)]
    strange = _strange_zh(rest, own) if grounds.language == "zh" else _strange_en(rest, own, kind)
    if strange and _is_other_language(rest, grounds.language):
        return [*found, Finding("language", strange[0][0])]
    return found + [Finding("name" if is_capital else "word", word) for word, is_capital in strange]


def _is_other_language(rest: str, language: str) -> bool:
    from profiling.text.language import detect, is_chinese

    plain = rest.replace("¤", " ").strip()
    if language == "zh":
        return not is_chinese(plain)
    return detect([plain])[0] not in ("en", "und")


def _strange_en(rest: str, own: Collection[str], kind: str) -> list[tuple[str, bool]]:
    plain = _plain("en")
    found = []
    for match in _HYPHENED.finditer(rest):
        if _is_odd_capital(match, rest, kind):
            found.append((match.group(0), True))
            continue
        parts = [match.group(0)] if match.group(0).lower() in plain else _WORD.findall(match.group(0))
        for word in parts:
            low = word.lower()
            if low not in plain and low not in own and low not in _NUMBER_WORDS and stem(low) not in _stems():
                found.append((word, word[0].isupper()))
    return found


def _is_odd_capital(match: re.Match[str], rest: str, kind: str) -> bool:
    """Whether plain words are written as a name (`Best Buy`) or shouted; a subject may have capitals throughout."""
    word = match.group(0)
    if len(word) > 1 and word.isupper() and word.lower() not in _MONEY:
        return True
    before = rest[: match.start()].rstrip(" ")
    inside = bool(before) and (before[-1].isalnum() or before[-1] == "¤")
    return kind != "subject" and inside and word[0].isupper() and word.lower() not in _CAPITALS


_MONEY = frozenset(["usd", "cny", "eur"])
_CAPITALS = (
    _MONEY
    | frozenset(
        ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november"]
    )
    | {"december", "customer", "shop", "team"}
)  # months, and the words of greetings
_NUMBER_WORDS = frozenset(
    [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
        "million",
        "dozen",
        "half",
        "percent",
        "usd",
        "cny",
        "eur",
        "dollars",
        "euros",
        "yuan",
        "january",
        "february",
        "march",
        "april",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)  # looked at as numbers, amounts and dates


def _strange_zh(rest: str, own: Collection[str]) -> list[tuple[str, bool]]:
    found = [(word, True) for word in re.findall(r"[A-Za-zÀ-ÿ]+", rest) if word.upper() not in ("USD", "CNY", "EUR")]
    words = _plain("zh") | frozenset(own) | _NUMERALS
    return found + [(run, False) for text in _HAN_RUN.findall(rest) for run in _uncovered(text, words)]


_NUMERALS = frozenset("零〇一二两三四五六七八九十百千万亿半元块") | {"百分之", "欧元", "美元", "人民币"}
_LONGEST_ZH = 8


def _uncovered(text: str, words: Collection[str]) -> list[str]:
    """The runs of a Chinese text that its words cannot cover, however it is cut."""
    best: list[tuple[int, int]] = [(0, -1)]  # characters uncovered up to here, where the last word begins
    for end in range(1, len(text) + 1):
        options = [(best[end - 1][0] + 1, -1)]
        options += [
            (best[start][0], start) for start in range(max(0, end - _LONGEST_ZH), end) if text[start:end] in words
        ]
        best.append(min(options))
    marks, end = [False] * len(text), len(text)
    while end:
        start = best[end][1]
        if start < 0:
            marks[end - 1] = True
            end -= 1
        else:
            end = start
    return ["".join(c for c, _ in run) for run in _groups(text, marks)]


def _groups(text: str, marks: Sequence[bool]) -> Iterator[list[tuple[str, bool]]]:
    run: list[tuple[str, bool]] = []
    for character, mark in zip(text, marks, strict=True):
        if mark:
            run.append((character, mark))
        elif run:
            yield run
            run = []
    if run:
        yield run


@cache
def _plain(language: str) -> frozenset[str]:
    lines = (_DATA / f"plain_{language}.txt").read_text("utf-8").splitlines()
    own = frozenset(word for line in lines if not line.startswith("#") for word in line.split())
    opinions = {word for words in _data("opinions")[language].values() for phrase in words for word in phrase.split()}
    return own | words_of_list(f"stopwords_{language}") | opinions  # whose opinions are looked at by themselves


@cache
def _stems() -> frozenset[str]:
    # Stems of short words meet those of others (`he` of `hes`), and adverbs those of things (`friendly`, `lively`).
    return frozenset(stem(word) for word in _plain("en") if len(word) > 2 and not word.endswith("ly"))


@cache
def _stemmer() -> Any:
    from nltk.stem.snowball import SnowballStemmer

    return SnowballStemmer("english")


def stem(word: str) -> str:
    """The stem of an English word, lower case."""
    return str(_stemmer().stem(word))
