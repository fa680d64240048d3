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
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from profiling.llm.grounds import Finding, Grounds
from profiling.llm.numbers import amounts
from profiling.llm.sentiments import aspects_in, judges, unshared
from profiling.llm.statements import Statements
from profiling.llm.words import DATA, HAN_RUN, plain, strange_en, strange_zh

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

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
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


def check(text: str, grounds: Grounds, kind: str, cited: Collection[str] | None = None) -> list[Finding]:
    """What is wrong with a text; empty where everything is supported.

    Args:
        kind: `persona`, `reason`, `subject` or `message`.
        cited: ids the author names as evidence; None where no evidence is asked for.
    """
    found = _form(text, grounds.language, kind)
    said = grounds.statements if kind == "persona" else Statements(grounds.language)
    rest = without_terms(text, grounds.terms)
    found += [each for each in forbidden(rest) if each.reason != "promise" or not _is_said(each, text, said)]
    found += _forbidden(text, ("sensitive",))
    found += _echoes(text, grounds)
    if cited is not None:
        strange = sorted(set(cited) - grounds.evidence)
        found += [Finding("evidence", each) for each in strange or ([] if cited else ["none cited"])]
    found += _claims(text, grounds, kind, said)
    found += _numbers(rest, grounds, said)
    found += unshared(said.without_runs(text), grounds, kind)
    return found + _words(said.without_runs(rest), grounds, said.words, kind)


def _is_said(found: Finding, text: str, said: Statements) -> bool:
    """Whether a customer speaks of it: who wants a refund was promised none."""
    at = text.find(found.what)
    return at >= 0 and said.hold_up(re.compile(re.escape(found.what), re.IGNORECASE), text, (at, at + len(found.what)))


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


def is_thing(value: str, language: str) -> bool:
    """Whether the value of a fact names something, and neither judges nor speaks of the shop's work."""
    return is_name(value) and not aspects_in(value, language) and not judges(value, language)


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
            for run in HAN_RUN.findall(part):
                names |= {run[i:j] for i in range(len(run)) for j in range(i + 2, len(run) + 1)}
    names |= {_other_number(name) for name in names if name.isascii()}
    small = plain("en") | {"x", "g"}
    return frozenset(whole | {name for name in names if name and name.lower() not in small}), tuple(orders)


def _other_number(name: str) -> str:
    """`pet` of `pets`, `knives` of `knife`; plurals with an s are found where names are looked for."""
    if re.search(r"[a-z]fe?$", name):
        return re.sub("fe?$", "ves", name)
    return name[:-1] if re.search(r"[a-z]{2}[^s]s$", name) else name


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
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))


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


def _claims(text: str, grounds: Grounds, kind: str, said: Statements) -> list[Finding]:
    """Claims that neither hold nor are a fact's own."""
    found = []
    names = _spans(text, grounds.topics)
    for claim in grounds.claims:
        if claim.kinds and kind not in claim.kinds:
            continue
        for match in claim.pattern.finditer(text):
            is_name = claim.may_be_name and any(start <= match.start() and match.end() <= end for start, end in names)
            of_facts = claim.by_fact and said.hold_up(
                None if claim.by_fact == "any" else claim.pattern, text, match.span()
            )
            if not (claim.holds(match) or is_name or of_facts):
                found.append(Finding("claim", match.group(0)))
    return found


def _spans(text: str, names: Iterable[str]) -> list[tuple[int, int]]:
    return [match.span() for name in names for match in re.finditer(rf"{re.escape(name)}s?", text, re.IGNORECASE)]


def _numbers(rest: str, grounds: Grounds, own: Statements) -> list[Finding]:
    """Numbers that neither the document has nor a fact's own statement."""
    return [
        Finding("number", said.what)
        for said in amounts(rest, grounds.language)
        if not (said.is_among(grounds.amounts, grounds.dates) or own.hold_number(said, rest))
    ]


# --- words ---


def _words(rest: str, grounds: Grounds, own: frozenset[str], kind: str) -> list[Finding]:
    """Words that are neither plain nor the grounds'. Names are told from other words by their capital."""
    found = [
        Finding("form", mark)
        for mark in dict.fromkeys(rest)
        if not (mark.isalnum() or mark in _MARKS or mark == "¤" or unicodedata.category(mark)[0] in "LNMC")
    ]
    found += [Finding("form", match.group(0)) for match in _ENCODED.finditer(rest)]
    strange = strange_zh(rest, own) if grounds.language == "zh" else strange_en(rest, own, kind)
    if strange and _is_other_language(rest, grounds.language):
        return [*found, Finding("language", strange[0][0])]
    return found + [Finding("name" if is_capital else "word", word) for word, is_capital in strange]


def _is_other_language(rest: str, language: str) -> bool:
    from profiling.text.language import detect, is_chinese

    plain = rest.replace("¤", " ").strip()
    if language == "zh":
        return not is_chinese(plain)
    return detect([plain])[0] not in ("en", "und")
