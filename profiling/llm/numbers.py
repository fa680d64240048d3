"""Numbers that a text says, in digits and in words, in English and Chinese, each with what it counts."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

_DIGITS = r"\d+(?:,\d{3})*(?:\.\d+)?"
_ONES = [
    "zero",
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
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUES = {word: float(n) for n, word in enumerate(_ONES)} | {word: 10.0 * n for n, word in enumerate(_TENS, 2)}
_VALUES |= {"a dozen": 12.0, "dozen": 12.0, "hundred": 100.0, "thousand": 1000.0, "million": 1e6, "half": 0.5}
_WORDS = rf"(?:(?:{'|'.join(_TENS)})[ -](?:{'|'.join(_ONES[1:10])})|{'|'.join(sorted(_VALUES, key=len, reverse=True))})"
# What a number counts. `times` and `items` count purchases or anything else.
_UNITS = {
    "purchase": "purchases?|orders?|buys?|bought",
    "review": "reviews?|comments?",
    "view": "views?|looks?|visits?",
    "search": "search(?:es)?",
    "delivery": "deliver(?:y|ies)",
    "post": "posts?",
    "email": "e-?mails?",
    "contact": "messages?|contacts?",
    "interaction": "interactions?|events?|activities",
    "day": "days?",
    "week": "weeks?",
    "month": "months?",
    "year": "years?",
    "percent": "percent|per cent",
    "star": "stars?",
}
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_UNITS_ZH = {
    "day": "天|日(?!期)",
    "week": "周|个?星期",
    "month": "个月",
    "year": "年(?!\\d)",
    "percent": "%|％",
    "money": "元|块|美元|欧元|人民币",
    "star": "星",
    "count": "次|件|条|个|封|笔|款|单|种|回|篇|遍",
}
# English words that are looked at as numbers, amounts and dates ("may" is another word too).
SPOKEN = frozenset(word for said in _VALUES for word in said.split() if len(word) > 1) | frozenset(_MONTHS) - {"may"}
_DIGIT_ZH = {character: n for n, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_SCALE_ZH = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_NUMERAL_ZH = f"[{''.join(_DIGIT_ZH)}{''.join(_SCALE_ZH)}]+"
# Chinese words that hold a numeral and count nothing.
_NO_NUMBERS_ZH = re.compile(
    "一(?:位|名|个|款|些|直|般|定|样|起|下|点|如既往|句|声|路|段|阵子|有|旦|份|种|面|方面)|第一次|首次|进一步|唯一|之一|另一|再一次|最近一次|上一次|每一次|有一阵子|"
    "一(?:块(?![钱五二三四六七八九半])|把|瓶|双|本|张|番|系列|丝|项|阵|部分|向|贯|度|时|会儿|切|致|并|同|道|目了然|员|味|旁|边|流|心一意|直以来|例|抹|缕|来|方|经|律|概|端|头|言|成不变|以贯之)|第一(?!次?[单笔])|"
    "两(?:者|方面|类|种|端|极)|二(?:者|来)|再一次|三生有幸|三者|万(?:分|事|般)|百般|千般|千言万语|半数|多元|"
    "万一|千万|十分|统一|同一|只言片语|三言两语"
)
_CURRENCIES = {"$": "USD", "¥": "CNY", "￥": "CNY", "€": "EUR"}
_NAMED = {"usd": "USD", "dollars": "USD", "cny": "CNY", "yuan": "CNY", "eur": "EUR", "euros": "EUR"}
_COUNTS = frozenset(
    ("purchase", "review", "view", "search", "delivery", "post", "email", "contact", "interaction", "count")
)
_DAYS = {"day": 1.0, "week": 7.0, "month": 30.0, "year": 365.0}


class Amount(NamedTuple):
    """A number with its unit: a kind of interaction, `count` (of any), `day`, `percent`, `money`, `star`, `score`, or none.

    `decimals` is how many the text wrote; `what` how it wrote it.
    """

    value: float
    unit: str
    decimals: int = 0
    what: str = ""

    def is_among(self, known: Iterable["Amount"], dates: Collection[str] = ()) -> bool:
        """Whether the grounds have this number, rounded as it was written, under a unit it may stand for."""
        if self.unit == "date":
            return any(self.what in _forms(date) for date in dates)
        return any(_is_unit(self.unit, each.unit) and self._is(each.value) for each in known)

    def _is(self, value: float) -> bool:
        if self.unit in _DAYS and self.unit != "day":  # some weeks, some months: within half of one
            return abs(value / _DAYS[self.unit] - self.value) <= 0.5
        return abs(round(value, self.decimals) - self.value) < 1e-9


def _is_unit(said: str, known: str) -> bool:
    if said in _DAYS:
        return known == "day"
    if said in ("", "count"):
        return known in _COUNTS or (said == "" and known not in ("percent", "money"))
    return said == known


def _forms(date: str) -> set[str]:
    """How a day may be written: whole, its month, its year."""
    year, month, day = date.split("-")
    m, d, name = str(int(month)), str(int(day)), _MONTHS[int(month) - 1]
    return {
        date, year, f"{year}-{month}", name, f"{name} {year}", f"{d} {name}", f"{name} {d}", f"{d} {name} {year}",
        f"{name} {d} {year}", f"{year}年", f"{year}年{m}月", f"{year}年{m}月{d}日", f"{m}月", f"{m}月{d}日",
    }  # fmt: skip


def amounts(text: str, language: str) -> list[Amount]:
    """Every number of a text, dates as one."""
    found: list[Amount] = []
    rest = text
    for pattern in _DATES:
        found += [Amount(0.0, "date", 0, _plain(date.group(0))) for date in pattern.finditer(rest)]
        rest = pattern.sub(" ", rest)
    return found + list(_chinese(rest) if language == "zh" else _english(rest))


_MONTH = "|".join(_MONTHS)
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)\d{4}-\d{2}(?:-\d{2})?(?!\d)",
        r"\d{4}\s?年(?:\s?\d{1,2}\s?月)?(?:\s?\d{1,2}\s?[日号])?|\d{1,2}\s?月(?!\S*个)(?:\s?\d{1,2}\s?[日号])?",
        rf"\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTH})(?:,? \d{{4}})?\b",
        rf"\b(?:{_MONTH}) \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b(?! *%)",
        rf"\b(?:{_MONTH}) \d{{4}}\b|\b(?:{'|'.join(name for name in _MONTHS if name != 'may')})\b",
        r"(?<![\d.,])(?:19|20)\d{2}(?![\d,]|\.\d)",
    )
)


def _plain(date: str) -> str:
    text = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b|\bof ", "", date.lower()).replace(",", "").replace("号", "日")
    return re.sub(r"\s+", "" if "月" in text or "年" in text else " ", text).strip()


_ENGLISH = re.compile(
    rf"(?P<sign>[$€¥￥]\s?)?(?<![\w.])(?P<number>{_DIGITS}|{_WORDS})(?P<percent>\s?%)?(?![\w]|\.\d)"
    rf"(?P<after>(?:[ -]\w+){{0,3}})",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\b(?:the|this|that|last|first|only|right|each|new|latest)\s+$", re.IGNORECASE)
_BOUGHT = re.compile(
    r"\b(?:bought|ordered|purchased|buys|orders)\s+(?:an? )?$", re.IGNORECASE
)  # twelve times, a dozen teas
_OFTEN = re.compile(r"\btimes\b|\bdozen\b", re.IGNORECASE)
_TIMES = re.compile(r"\b(twice|thrice)\b", re.IGNORECASE)


def _english(text: str) -> Iterator[Amount]:
    for times in _TIMES.finditer(text):
        yield Amount({"twice": 2.0, "thrice": 3.0}[times.group(0).lower()], "count", 0, times.group(0))
    at = 0
    while match := _ENGLISH.search(text, at):
        at = match.end("percent") if match["percent"] else match.end("number")
        said = match["number"].lower()
        unit = _unit(match)
        if unit in ("", "count") and _BOUGHT.search(text[: match.start()]) and _OFTEN.search(match.group(0)):
            unit = "purchase"
        if said == "one" and (unit == "" or _PRONOUN.search(text[: match.start()])):
            continue  # one of them, the last one
        value = _value(said)
        decimals = len(said.partition(".")[2]) if said[0].isdigit() else 0
        yield Amount(value, unit, decimals, match["number"])


def _value(said: str) -> float:
    if said[0].isdigit():
        return float(said.replace(",", ""))
    tens, _, ones = said.replace("-", " ").partition(" ")
    return _VALUES[said] if said in _VALUES else _VALUES[tens] + _VALUES[ones]


def _unit(match: re.Match[str]) -> str:
    if match["sign"]:
        return "money"
    if match["percent"]:
        return "percent"
    words = re.findall(r"\w+(?:-\w+)?", match["after"].lower())
    if words and words[0] in _NAMED:
        return "money"
    if words and words[0] == "times":
        return "count"
    for word in words:
        if word in ("and", "or", "with", "in", "on", "for", "of", "to", "from"):
            break
        for unit, pattern in _UNITS.items():
            if re.fullmatch(pattern, word):
                return unit
    return ""


_CHINESE = re.compile(
    rf"(?P<sign>[$€¥￥]\s?|百分之)?(?P<number>{_DIGITS}|{_NUMERAL_ZH})\s?(?P<unit>"
    + "|".join(f"(?P<{unit}>{pattern})" for unit, pattern in _UNITS_ZH.items())
    + r"|USD|CNY|EUR)?"
)
_ACTS_ZH = {
    "purchase": "购买|下单|购物|消费|买|订单|订购|选购|交易",
    "review": "评论|评价|点评",
    "view": "浏览|查看|看",
    "search": "搜索",
    "delivery": "收货|收到",
    "post": "发帖",
    "email": "来信",
    "interaction": "互动",
}


def _chinese(text: str) -> Iterator[Amount]:
    text = _NO_NUMBERS_ZH.sub(lambda match: "¤" * len(match.group(0)), text)
    for match in _CHINESE.finditer(text):
        said = match["number"]
        unit = next((name for name in _UNITS_ZH if match[name]), "money" if match["unit"] else "")
        if match["sign"]:
            unit = "percent" if match["sign"] == "百分之" else "money"
        if unit == "count":
            near = text[max(0, match.start() - 6) : match.start()] + "|" + text[match.end() : match.end() + 3]
            acts = [
                act
                for act, pattern in _ACTS_ZH.items()
                if re.search(rf"(?:{pattern})[了过¤]*\|(?!.)|(?:{pattern})[了过]*\|", near)
            ]
            acts += [act for act, pattern in _ACTS_ZH.items() if re.search(rf"\|(?:{pattern})", near)]
            unit = acts[0] if acts else "count"
        if said[0].isdigit():
            yield Amount(float(said.replace(",", "")), unit, len(said.partition(".")[2]), match.group(0))
        else:
            yield Amount(float(_numeral(said)), unit, 0, match.group(0))


def _numeral(said: str) -> int:
    """一百二十三 is 123, 二〇二六 is 2026."""
    if not any(character in _SCALE_ZH for character in said):
        return int("".join(str(_DIGIT_ZH[character]) for character in said))
    total = section = digit = 0
    for character in said:
        if character in _DIGIT_ZH:
            digit = _DIGIT_ZH[character]
            continue
        scale = _SCALE_ZH[character]
        if scale >= 10_000:
            total, section, digit = (total + section + digit or 1) * scale, 0, 0
        else:
            section, digit = section + (digit or 1) * scale, 0
    return total + section + digit
