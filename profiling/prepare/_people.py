"""Finders of names and addresses, as far as words around them, lexicons and jieba's word boundaries tell.

Without a cue no name is looked for: Eric Clapton and Ernie Ball are what people write about. What is missed for that stands in
docs/privacy.md.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from profiling.prepare._numbers import Span


def _lines(name: str) -> list[str]:
    text = (files("profiling.prepare") / "data" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


GIVEN = frozenset(" ".join(_lines("given_en.txt")).split())
_SURE_SURNAMES, _OTHER_SURNAMES, COMPOUND_SURNAMES = (line.split() for line in _lines("surnames_zh.txt"))

_SMALL_STOP, _ALSO_WORDS, _NO_NAME = (frozenset(line.split()) for line in _lines("no_names_en.txt"))

# --- English names ---

_CAP = r"[A-ZÀ-ÖØ-Þ][\wÀ-ɏ'’-]+"
_NAME = rf"{_CAP}(?: (?:[A-Z]\.|(?:d[aeiu]|van|von|der|den|bin|al|la)(?= {_CAP})|{_CAP})){{0,3}}"
# Sure: whatever capitalised words follow are a name. Titles count as they are written: DR is a brand, ms a unit of time.
_SURE_CUES = (
    r"(?:(?i:my (?:full |last |first |sur|real )?name(?: is|'s|’s|:)"
    r"|(?:account ?holder|cardholder|beneficiary|recipient|attn|attention|c/o)(?: is)? ?:?|signed(?: by)?[:,]"
    r"|(?:name|sender|contact(?: person)?) ?:|(?:(?:kind|best|warm|with) (?:regards|wishes)|regards|sincerely"
    r"|faithfully|yours truly|cordially|respectfully)(?: yours)?[,.! -]{0,2}) "
    r"|(?:Mr|Mrs|Ms|Dr|Prof)(?:\. ?| )|Miss |(?:Dear|dear) )"
)
# Weak: the first word that follows has to be a given name.
_PEOPLE = (
    r"husband|wife|son|daughter|brother|sister|mother|father|mom|mum|dad|friend|boss|neighbou?r|uncle|aunt|partner|girlfriend|boyfriend|fianc[eé]e?|"
    r"grandson|granddaughter|nephew|niece|cousin|teacher|student|colleague|assistant"
)
_WEAK_CUES = (
    r"(?i:(?:from|to|cc):|name|hi|hello|hey|recipient|(?:ship(?:ped)?|send|sent|deliver(?:ed|y)?|post(?:ed)?"
    r"|address(?:ed)?) (?:it |them )?to:?"
    r"|(?:spoke|speak|speaking|talk|talked|talking|chat|chatted|chatting|dealt|deal|dealing)(?: with| to)|(?:emailed|met|meet)"
    r"|ask(?:ed)? for|named|called|by name of|this is|i am|i'm|i’m|im|thanks to|contact|agent|rep|representative"
    r"|technician|manager"
    rf"|my (?:late |dear |little |old |younger |older |best )?(?:{_PEOPLE})(?: is| was)?(?: named| called)?)[,:]? "
)
_GIVEN_CAPITAL = (
    "(?:" + "|".join(sorted({name.capitalize() for name in GIVEN}, key=lambda name: (-len(name), name))) + r")(?![\w])"
)
_SIGNED_NAME = rf"{_CAP}(?: (?:[A-Z]\.|{_CAP})){{0,2}}[.!]?\s*$"
_CLOSING = rf"(?i:thanks|thank you|cheers|best|love|yours|greetings|bye|many thanks)[,.! -]{{1,3}}{_SIGNED_NAME}"
_SIGNATURE = rf"[.!?] ?[-–—~]{{1,2}} ?{_SIGNED_NAME}"
_SERVICE = r" (?:from|in|at|of) (?:your |the )?(?:customer|support|sales|service|returns|billing|technical|tech)"
_BEFORE = r"(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? )?"
_SURE_NAME = re.compile(
    rf"(?<![A-Za-z0-9])(?<!brand )(?<!product )(?<!model )(?<!user )(?<!file )(?<!store )(?<!company )(?<!domain )"
    rf"(?<!item ){_SURE_CUES}{_BEFORE}({_NAME})"
)
_WEAK_NAME = re.compile(rf"(?<![A-Za-z]){_WEAK_CUES}{_BEFORE}({_NAME})")
_SIGNED = tuple(
    re.compile(pattern.replace(f"{_CAP}(?:", f"(?P<name>{_CAP}(?:", 1).replace("{0,2}[.!]?", "{0,2})[.!]?", 1))
    for pattern in (_CLOSING, _SIGNATURE)
)
_BESIDE = re.compile(rf"(?<![^\W\d_])({_NAME})(?={_SERVICE})")  # not from every letter of a long word
# Written small in a chat: only given names that are no other word, and what follows them up to a word that cannot be a surname.
_SMALL_NAME = re.compile(
    r"(?<![a-z])(?:my (?:full )?name(?: is|'s|:)|i am|i'm|im|this is) ([a-z]{3,})(?: ([a-z][a-z'-]{2,}))?(?![a-z'])",
    flags=re.IGNORECASE,
)


ENGLISH_NAME_HINTS = (
    rf"{_SURE_CUES}[A-ZÀ-ÖØ-Þ]",
    rf"{_WEAK_CUES}{_GIVEN_CAPITAL}".replace(r"(?![\w])", ""),
    rf"(?:{_CLOSING})|(?:{_SIGNATURE})|{_CAP}{_SERVICE}",
    rf"(?i:my (?:full )?name(?: is|'s|:)|i am|i'm|im|this is) (?:{'|'.join(sorted(GIVEN - _ALSO_WORDS))})",
)


def english_names(text: str) -> Iterator[Span]:
    """Names after a word for one, as addressee or sender, beside a title, or as somebody one speaks of."""
    yield from _kept(text, (match.span(1) for match in _SURE_NAME.finditer(text)), True)
    weak = (match.span(match.lastindex or 0) for pattern in (_WEAK_NAME, _BESIDE) for match in pattern.finditer(text))
    yield from _kept(text, weak, False)
    yield from _kept(text, (match.span("name") for pattern in _SIGNED for match in pattern.finditer(text)), False)
    for match in _SMALL_NAME.finditer(text):
        given = match[1]
        if given.islower() and given in GIVEN and given not in _ALSO_WORDS:
            is_more = match[2] is not None and match[2].lower() not in _SMALL_STOP
            yield match.start(1), match.end(2) if is_more else match.end(1)


def _kept(text: str, spans: Iterator[Span], is_sure: bool) -> Iterator[Span]:
    """Names without the words behind them that are none; where a given name is asked for, those that begin with one."""
    for start, end in spans:
        words = list(re.finditer(r"[^ ]+", text[start:end]))
        last = 0
        for number, word in enumerate(words):
            plain = re.sub(r"['’]s?$|[.]$", "", word[0])
            if plain.lower() in _NO_NAME:
                last = last if is_sure else 0  # Jim Dunlop is a brand
                break
            last = word.start() + len(word[0] if len(plain) == 1 else plain)
            if number == 0 and not is_sure and plain.lower() not in GIVEN:
                last = 0
                break
        if last >= 2:
            yield start, start + last


# --- English addresses ---

_DIRECTION = r"(?:(?:North|South|East|West|NE|NW|SE|SW|[NSEW])\.? )?"
_STREET_NAME = rf"(?:{_CAP}|\d{{1,3}}(?:st|nd|rd|th))(?: {_CAP}){{0,3}}?"
_SURE_STREET = r"(?:Street|Str|St|Avenue|Ave|Road|Rd|Lane|Ln|Boulevard|Blvd|Terrace|Crescent|Parkway|Pkwy|Highway|Hwy)"
_OTHER_STREET = (
    r"(?:Drive|Dr|Way|Court|Ct|Place|Pl|Close|Square|Sq|Circle|Cir|Trail|Row|Gardens|Grove|Hill|Mews|Walk|Park|Green)"
)
_ROOM = r"(?:,? (?:Apt|Apartment|Unit|Suite|Ste|Flat|Room|Floor|#)\.? ?#?\w{1,5})?"
_UK_POSTCODE = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"
_STATE = r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])"
_TOWN = rf"(?:,? {_CAP}(?: {_CAP}){{0,2}})"
_END_OF_ADDRESS = (
    rf"(?:{_TOWN}?,? {_STATE}\b(?:,? \d{{5}}(?:-\d{{4}})?)?|{_TOWN}?,? {_UK_POSTCODE}|,? \d{{5}}(?:-\d{{4}})?(?!\d))"
)
_HOUSE = r"(?<![\w.$£€-])\d{1,5}[A-Za-z]?(?:[-/]\d{1,4})?,? "
_ADDRESS = re.compile(
    rf"{_HOUSE}{_DIRECTION}{_STREET_NAME} (?:{_SURE_STREET}\b\.?{_ROOM}(?:{_END_OF_ADDRESS}|, {_CAP}(?: {_CAP})?(?![\w']))?"
    rf"|{_OTHER_STREET}\b\.?{_ROOM}{_END_OF_ADDRESS})"
)
_CUED_ADDRESS = re.compile(
    r"(?:\b(?i:address(?: is| was)?|live[sd]? at|liv(?:ing)? at|deliver(?:ed|y)?(?: it| them)?(?: to| at)?"
    r"|s[eh][ni][dtp]p?(?:ed)?(?: it| them)? to|posted to|post it to|"
    r"moved (?:from|to)|left (?:it )?at|to|at|near|house)\b:? )"
    rf"({_HOUSE}{_DIRECTION}{_STREET_NAME} {_OTHER_STREET}\b\.?{_ROOM}(?:{_END_OF_ADDRESS}|, {_CAP}(?: {_CAP})?(?![\w']))?)"
)
_ANY_HOUSE = r"[0-9]{1,5}[A-Za-z]?(?:[-/][0-9]{1,4})?,? "
ENGLISH_ADDRESS_HINTS = (
    rf"{_ANY_HOUSE}{_DIRECTION}(?:{_CAP}|[0-9]{{1,3}}(?:st|nd|rd|th))(?: {_CAP}){{0,3}} (?:{_SURE_STREET}|{_OTHER_STREET})\b",
    r"Box [0-9]",
)
_BOX = re.compile(rf"\bP\.? ?O\.? ?Box \d{{1,6}}(?:{_END_OF_ADDRESS})?")


def english_addresses(text: str) -> Iterator[Span]:
    """House number and street, with room, town, state and post code where they follow; post-office boxes."""
    yield from (match.span() for match in _ADDRESS.finditer(text))
    yield from (match.span(1) for match in _CUED_ADDRESS.finditer(text))
    yield from (match.span() for match in _BOX.finditer(text))


# --- Chinese names ---

_HAN = "[\u4e00-\u9fff]"
_SURE = "".join(sorted(set(_SURE_SURNAMES)))
_ANY_SURNAME = rf"(?:{'|'.join(COMPOUND_SURNAMES)}|[{_SURE}{''.join(sorted(set(_OTHER_SURNAMES)))}])"
_SURE_SURNAME = rf"(?:{'|'.join(COMPOUND_SURNAMES)}|[{_SURE}])"
_LABELLED = re.compile(
    rf"(?:姓名|名字|收件人|收货人|寄件人|发件人|联系人|户名|持卡人|开户人|乘客|入住人|代办人|经办人|签收人|申请人|委托人|署名|称呼|签名|我叫|名叫|我的名字|本人叫|敬礼|免贵姓)"
    rf"(?P<between>(?:是|为|叫|写|改成|改为|[:： ，,])*)(?={_ANY_SURNAME})(?P<name>{_HAN}{{2,8}})"
)
_SAID = re.compile(
    rf"(?:我是|朋友|同事|同学|老公|老婆|儿子|女儿|老板|店员|快递员|客服|店长|户主|通知|联系|转交|交给)(?={_SURE_SURNAME})({_HAN}{{2,8}})"
)
_BARE_SURNAME = re.compile(rf"(?:免贵姓|我姓|贵姓[：:?？ ]*姓?|鄙姓)({_ANY_SURNAME})(?!{_HAN})")
_TITLE = r"老?(?:先生|女士|小姐|太太|经理|主任|师傅|医生|律师|店长|阿姨|大姐|大哥)"
_TITLE += r"(?!的?(?:书|作品|文章|文字|著作|思想|小说|诗|评述))"
_TITLED = re.compile(
    rf"({_SURE_SURNAME}{_HAN}{{0,2}}?|(?<![\u4e00-\u9fff]){_ANY_SURNAME}{_HAN}{{0,2}}?"
    rf"|(?<=尊敬的){_ANY_SURNAME}{_HAN}{{0,2}}?|(?<=客服|联系|留言|转告){_ANY_SURNAME}){_TITLE}"
)
CHINESE_NAME_HINT = (
    rf"{_ANY_SURNAME}{_HAN}{{0,2}}老?(?:先生|女士|小姐|太太|经理|主任|师傅|医生|律师|店长|阿姨|大姐|大哥)"
    rf"|(?:名|字|[收寄发联系签办请托货][人]|卡人|[开户]人|乘客|[住]人|称呼|我叫|人叫|敬礼|姓)(?:是|为|叫|写|改成"
    rf"|改为|[:：？? ，,])*姓?{_ANY_SURNAME}"
    rf"|(?:我是|朋友|同事|同学|老公|老婆|儿子|女儿|老板|店员|快递员|客服|店长|户主|通知|联系|转交|交给){_SURE_SURNAME}"
)
# What follows a name rather than being its second character.
_AFTER = frozenset(
    "是的在先女和与或说来去要想很人给把让请有为就也都还吗吧呢啊了不没收电手地住，。的你我他她从对跟被寄叫"
)
_NO_TITLED = frozenset(("康师傅", "老师傅", "何老师傅"))


@cache
def _words() -> "tuple[object, dict[str, str]]":
    import logging

    import jieba
    import jieba.posseg

    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    return jieba, jieba.posseg.dt.word_tag_tab


def _name_length(run: str, is_sure: bool) -> int:
    """How many characters of a run of Chinese that begins with a surname are the name; 0: it is rather a word."""
    jieba, tags = _words()
    surname = 2 if run[:2] in COMPOUND_SURNAMES else 1
    words = jieba.lcut(run)  # type: ignore[attr-defined]
    ends, at = set(), 0
    for word in words:
        at += len(word)
        ends.add(at)
    first = words[0]
    # 安卓用户, 高中生: a known word of another kind is no name, unless a label says that a name stands here.
    if not is_sure and len(first) > 1 and first in tags and not tags[first].startswith("nr"):
        return 0
    if (
        not is_sure
        and len(first) == 1
        and len(words) > 1
        and words[1] in tags
        and len(words[1]) > 1
        and not tags[words[1]].startswith("nr")
    ):
        return 0
    if len(run) <= surname or run[surname] in _AFTER:
        return 0
    longest = surname + 2
    if len(run) <= longest and (is_sure or len(run) > surname):
        if len(run) == longest and run[-1] in _AFTER:
            return longest - 1
        return len(run)
    if run[longest - 1] in _AFTER:
        return longest - 1
    return longest if longest in ends else longest - 1 if longest - 1 in ends else longest if is_sure else 0


def chinese_names(text: str) -> Iterator[Span]:
    """Names after a label or after 我叫, beside 先生 and 女士, or after a word for a person where jieba knows no other word."""
    for match in _TITLED.finditer(text):
        if match[0] not in _NO_TITLED and _is_titled(match[1]) and _begins_a_word(text, match.start(1)):
            yield match.span(1)
    for match in _LABELLED.finditer(text):
        # 用户名和密码, 精美签名海报: without anything between, the label may be a part of other words.
        is_sure = bool(match["between"]) or match[0][: -len(match["name"])].endswith(("叫", "礼", "姓"))
        if length := _name_length(match["name"], is_sure):
            yield match.start("name"), match.start("name") + length
    for match in _SAID.finditer(text):
        if length := _name_length(match[1], False):
            yield match.start(1), match.start(1) + length
    yield from (match.span(1) for match in _BARE_SURNAME.finditer(text))


def _is_titled(name: str) -> bool:
    """司机 in 司机师傅 is no name, however 司 is a surname."""
    jieba, tags = _words()
    first = jieba.lcut(name)[0]  # type: ignore[attr-defined]
    if name[-1] in "姓老总的" or "大堂" in name or name.startswith("谢谢"):
        return False
    return len(first) == 1 or first not in tags or tags[first].startswith("nr")


def _begins_a_word(text: str, at: int) -> bool:
    """Whether jieba begins a word here; looks at the ten characters before."""
    before = text[max(0, at - 10) : at]
    if not before or not re.match(_HAN, before[-1]):
        return True
    jieba, _ = _words()
    reached = 0
    for word in jieba.lcut(before + text[at : at + 4]):  # type: ignore[attr-defined]
        if reached == len(before):
            return True
        reached += len(word)
    return False


# --- Chinese addresses ---

_PROVINCES, _CITIES = ("|".join(line.split()) for line in _lines("places_zh.txt"))
_REGION = (
    rf"(?:(?:{_PROVINCES})(?:省|市|壮族自治区|回族自治区|维吾尔自治区|自治区|特别行政区)?(?:{_HAN}{{2,5}}?市)?"
    rf"|(?:{_CITIES})市?)(?:{_HAN}{{1,5}}?(?:新区|开发区|区|县|市|旗))?(?:{_HAN}{{1,5}}?(?:镇|乡|街道))?"
)
_ROAD = rf"{_HAN}{{1,7}}?(?:大道|大街|胡同|路|街|道|巷|弄|村)(?:[东南西北中一二三四五六七八九]{{1,2}}[段路街])?"
_ESTATE = rf"{_HAN}{{2,8}}?(?:小区|花园|家园|公寓|大厦|广场|新村|新城|港湾|中心|嘉园|佳苑|苑|城|园|府|湾|里|庭)"
_UNIT = r"[A-Za-z]?\d{1,5}(?:-\d{1,4}){0,3}(?:号楼|号院|号|栋|幢|座|单元|层|楼|室|房|弄|组|户|门)"
_DETAIL = (
    rf"(?:[,， ]?(?:{_UNIT}|{_ESTATE}(?=[A-Za-z]?\d)"
    rf"|(?<=[栋幢座元楼层])[A-Za-z]?\d{{2,5}}(?:室|房|号)?|[一二三四五六七八九十]{{1,3}}(?:栋|单元|楼|层)))"
)
_CHINESE_ADDRESSES = (
    re.compile(rf"{_REGION}(?:{_ROAD}{_DETAIL}{{1,6}}|{_ESTATE}{_DETAIL}{{1,6}})"),
    re.compile(
        rf"(?:地址|住址|送到|送至|寄到|寄往|寄至|发到|发往|家住|住在|位于|快递到|放在|搬到|户籍)(?:是|为|在|改成"
        rf"|改为|[:： ])*((?:{_REGION})?(?:{_ROAD}|{_ESTATE})(?:{_ESTATE})?{_DETAIL}{{1,6}})"
    ),
    re.compile(rf"(?<![\u4e00-\u9fff])(?:{_ROAD}|{_ESTATE}){_DETAIL}{{2,6}}"),
)


def chinese_addresses(text: str) -> Iterator[Span]:
    """From province or city, or from a word for address, down to the number of the house; towns and streets alone stay."""
    for pattern in _CHINESE_ADDRESSES:
        for match in pattern.finditer(text):
            yield match.span(match.lastindex or 0)
