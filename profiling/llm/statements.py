"""What the statements of facts let a persona say: their own words in a row, and what they assert themselves.

A statement is what a customer said, in our words or a model's. A text may say it again, in part or in other words; it may
not turn it round, so a statement with a negation never stands for a sentence without one, nor the other way about.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from profiling.llm.numbers import Amount, amounts
from profiling.llm.words import HAN_RUN, WORD, clause_at, function_words, is_negated, stem

# So many Chinese characters, or words, in a row are the statement's and no chance.
_RUN_HAN, _RUN_WORDS = 3, 2
# What means the same of a customer's doings.
_SAME = {"purchas": "buy", "bought": "buy", "repurchas": "buy", "reorder": "buy", "pricey": "price", "dear": "price"}
_COME_BACK = re.compile(
    r"\b(?:return|come back)(?= (?:for|again)\b| to (?:us|the shop)\b|\s*(?:[.,;]|$))|\bshop again\b", re.IGNORECASE
)
_SAME_ZH = re.compile("光顾|回购|复购|下单|再买|再购(?!买)")
# What is wished is not done: a text says a wish as one, and neither as granted nor as larger than it was.
_WISH = {
    "en": re.compile(
        r"\b(?:want|wish|hop|plan|intend|intent|seek|sought|prefer|desire|mean(?:s|t|ing)? to|would like)\w*",
        re.IGNORECASE,
    ),
    "zh": re.compile("想|打算|意向|意愿|希望|有意|愿|诉求|要求"),
}
_MORE_THAN_WISHED = {
    "en": re.compile(
        r"\b(?:got|given|gave|paid|receiv\w+|provided|granted|refused|denied|due|took|taken|every|all|entire|whole|full|large|"
        r"dozens?|hundreds?|then|others?|team)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        "已经?(?:得|处|给|退|收|同)|得到|给出|处理|给了|退货了|退款了|全部|全店|所有|每|百|千|万|同意|拒绝"
    ),
}

# Between what a number is of and the number.
_FILLED = {
    "en": re.compile(r"(?:\b(?:of|is|at|for|a|an|the|about|around|roughly|usd|cny|eur)\b|[\s:$€£¥])*$", re.IGNORECASE),
    "zh": re.compile(r"(?:为|是|在|约|大约|大概|一|[\s:：$€£¥￥])*$"),
}
# What is said of a number that the statement does not say: who has a budget spent nothing.
_DONE_WITH = {
    "en": re.compile(
        r"\b(?:spen[dt]\w*|used|exceed\w*|over|above|beyond|below|under|more|less|doubl\w*|rais\w*|ris\w*|cut|left|lost)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile("花|超|用完|用光|付|剩|翻倍|以上|以下|不足|多于|少于|提高"),
}
_CURRENCIES = {
    "usd": "usd|[$]|dollars?|bucks|美元",
    "eur": "eur|€|欧元",
    "gbp": "£|pounds?|英镑",
    "cny": "cny|[¥￥]|yuan|rmb|人民币|(?<![美欧])元|块",
}
_NEXT_WORD = re.compile(r"[\s-]*([^\W\d_]+)")


@dataclass(frozen=True)
class Statements:
    """Statements that order nothing (`is_statement`), in the language of the text.

    Attributes:
        things: the values (`slow coffee` of `Is interested in: slow coffee`) that name something and assert nothing.
    """

    language: str
    texts: tuple[str, ...] = ()
    things: frozenset[str] = frozenset()

    def without_runs(self, text: str) -> str:
        """The text with every run of the words of a value (`Is interested in: slow coffee`) blanked; as long as before."""
        if self.language == "zh":
            covered = [False] * len(text)
            for match in HAN_RUN.finditer(text):
                for at in range(match.start(), match.end() - _RUN_HAN + 1):
                    if text[at : at + _RUN_HAN] in self._runs:
                        covered[at : at + _RUN_HAN] = [True] * _RUN_HAN
            masked = "".join("\0" if is_covered else c for c, is_covered in zip(text, covered, strict=True))
            return re.sub("\0+", lambda run: _blank(len(run.group(0))), masked)
        words = list(WORD.finditer(text))
        stems = [stem(word.group(0)) for word in words]
        spans = [
            (words[at].start(), words[at + _RUN_WORDS - 1].end())
            for at in range(len(words) - _RUN_WORDS + 1)
            if " ".join(stems[at : at + _RUN_WORDS]) in self._runs
            and not re.search(r"[^\s-]", text[words[at].end() : words[at + 1].start()])
        ]
        for start, end in reversed(_joined(spans)):
            text = text[:start] + _blank(end - start) + text[end:]
        return text

    def hold_up(self, pattern: re.Pattern[str] | None, text: str, span: tuple[int, int]) -> bool:
        """Whether a statement says what a text does at some place: the same pattern is found in it, it is as negative or as
        positive, a wish stays a wish, and it shares a word with the clause; without a pattern it is a wish for the same."""
        clause = clause_at(text, span)
        own = self._units(clause)
        if pattern is None:
            own &= self._wished(text[span[1] :])
        return any(
            (pattern.search(statement) if pattern else _WISH[self.language].search(statement))
            and is_negated(statement, self.language) == is_negated(clause, self.language)
            and self._is_as_wished(statement, clause)
            and own & self._units(statement)
            for statement in self._own
        )

    def hold_number(self, said: Amount, text: str) -> bool:
        """Whether a statement has a number of a text, of the same thing: wherever it stands in the text, behind or before the
        word that it follows in the statement, and with nothing that the statement does not say of it."""
        places = _places_of(said, text)
        return bool(places) and all(
            any(self._is_of_the_same(said, text, place, statement) for statement in self._own) for place in places
        )

    def _is_of_the_same(self, said: Amount, text: str, place: tuple[int, int], statement: str) -> bool:
        clause = clause_at(text, place).replace(said.what, " ")  # 三百 is no more than was wished
        if (
            is_negated(statement, self.language) != is_negated(clause, self.language)
            or not self._is_as_wished(statement, clause)
            or _DONE_WITH[self.language].search(clause)
            or _MORE_THAN_WISHED[self.language].search(clause)
        ):
            return False
        behind, before, after = self._around(text, place, said.unit)
        for known in amounts(statement, self.language):
            if (known.value, known.unit) != (said.value, said.unit):
                continue
            for own in _places_of(known, statement):
                word, _, counted = self._around(statement, own, known.unit)
                if not word or _currency(text, place) != _currency(statement, own):
                    continue
                is_behind = behind.endswith(word) if self.language == "zh" else behind == word
                if (is_behind and (not counted or after == counted)) or (not counted and before == word):
                    return True
        return False

    def _around(self, text: str, place: tuple[int, int], unit: str) -> tuple[str, str, str]:
        """The word (Chinese: all of the clause) before a number, the one behind it, and that one again where the number counts
        it: an amount of money counts nothing."""
        ahead = _FILLED[self.language].sub("", text[: place[0]][-60:])
        rest = text[place[1] :]
        if self.language == "zh":
            said = HAN_RUN.findall(ahead[-8:])
            following = HAN_RUN.match(rest.removeprefix("的"))
            own = said[-1] if said and ahead.endswith(said[-1]) else ""
            next_word = following.group(0)[:2] if following else ""
        else:
            word = re.search(r"[^\W\d_]+$", ahead)
            own = stem(word.group(0)) if word else ""
            following = _NEXT_WORD.match(
                re.sub(r"^\s*(?:usd|cny|eur|dollars?|euros?|yuan|rmb|pounds|bucks)\b", "", rest, flags=re.I)
            )
            next_word = stem(following.group(1)) if following else ""
        return own, next_word, "" if unit == "money" else next_word

    def _is_as_wished(self, statement: str, clause: str) -> bool:
        wish = _WISH[self.language]
        return not wish.search(statement) or bool(
            wish.search(clause) and not _MORE_THAN_WISHED[self.language].search(clause)
        )

    def _wished(self, after: str) -> set[str]:
        """What a text says to be wished, just behind the word that says so."""
        if self.language == "zh":
            return self._units(after[:6]) - {"再次"}
        return self._units(" ".join(WORD.findall(after)[:3]))

    @cached_property
    def _own(self) -> tuple[str, ...]:
        """Statements that hold something up: not those whose value is no thing, which say whatever a customer likes."""
        return tuple(each for each in self.texts if not (value := value_of(each)) or value in self.things)

    @cached_property
    def words(self) -> frozenset[str]:
        """Stems (Chinese: whatever stands side by side, two to eight characters) that may stand alone."""
        if self.language == "zh":
            runs = [run for text in self._own for run in HAN_RUN.findall(text)]
            return frozenset(
                run[i:j] for run in runs for i in range(len(run)) for j in range(i + 2, min(len(run), i + 8) + 1)
            )
        return frozenset(stem(word) for text in self._own for word in WORD.findall(text))

    @cached_property
    def _runs(self) -> set[str]:
        found: set[str] = set()
        for text in self._own:
            value = value_of(text)
            if not value or is_negated(text, self.language):
                continue
            if self.language == "zh":
                for run in HAN_RUN.findall(value):
                    found |= {run[at : at + _RUN_HAN] for at in range(len(run) - _RUN_HAN + 1)}
            else:
                words = WORD.findall(value)
                for at in range(len(words) - _RUN_WORDS + 1):
                    run = words[at : at + _RUN_WORDS]
                    if any(word.lower() not in function_words() for word in run):
                        found.add(" ".join(map(stem, run)))
        return found

    def _units(self, text: str) -> set[str]:
        if self.language == "zh":
            runs = HAN_RUN.findall(_SAME_ZH.sub("购买", text))
            return {run[at : at + 2] for run in runs for at in range(len(run) - 1)}
        stems = (
            stem(word) for word in WORD.findall(_COME_BACK.sub("buy", text)) if word.lower() not in function_words()
        )
        return {_SAME.get(each, each) for each in stems}


def value_of(statement: str) -> str:
    """What a customer put into a statement, `slow coffee` of `Is interested in: slow coffee`; empty where nothing."""
    return statement.replace("：", ":").partition(":")[2].strip()


def _places_of(said: Amount, text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(rf"(?<![\d.,]){re.escape(said.what)}(?![\d]|[.,]\d)", text)]


def _currency(text: str, place: tuple[int, int]) -> list[str]:
    near = text[max(0, place[0] - 2) : place[1] + 9].lower()
    return [name for name, said in _CURRENCIES.items() if re.search(said, near)]


def _blank(length: int) -> str:
    return "¤".center(length)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
