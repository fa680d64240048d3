"""Finders of personal data that has a form of its own: addresses of mail and machines, numbers, secrets in links.

Each takes a text of full-width forms folded to ASCII and yields spans. What a form alone cannot tell is asked of a check
digit, of a numbering plan, or of a word that announces it.
"""

import ipaddress
import re
from collections.abc import Iterator

Span = tuple[int, int]

# Letters of all scripts but those written without spaces: in 邮箱zhang@example.cn谢谢 the address ends where Chinese begins.
_LETTER = r"[^\W\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
_EMAIL = re.compile(
    rf"(?<!{_LETTER})(?<![.%+'-])(?:{_LETTER}|[.%+'-])++@(?:(?:{_LETTER}|-)+\.)+(?:(?!\d){_LETTER}){{2,}}"
)
_SPELLED_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}+ ?(?:[(\[]at[)\]]| at ) ?(?:[A-Za-z0-9-]{1,63}+ ?(?:[(\[]dot[)\]]| dot |\.) ?){1,3}+"
    r"(?:com|net|org|edu|gov|io|co|uk|de|fr|cn|info)(?![A-Za-z0-9])",
    flags=re.IGNORECASE | re.ASCII,
)

# No ASCII letter or digit may touch a number: B0006O1Y6S, 1Z999AA10123456784 and 0.13800138000 are no numbers of persons.
_START = r"(?<![0-9A-Za-z])(?<![0-9]\.)(?<![A-Za-z]-)"
_END = r"(?![0-9A-Za-z])(?!\.[0-9])"
_RESIDENT_ID = re.compile(rf"{_START}\d{{6}}[ -]?\d{{8}}[ -]?\d{{3}}[0-9Xx]{_END}", flags=re.ASCII)
_DIGIT_GROUPS = re.compile(rf"{_START}\d+(?:[ -]\d+)*{_END}", flags=re.ASCII)
_GROUP = re.compile(r"\d+", flags=re.ASCII)
# Issuer ranges by first digits and the lengths they use: Visa, Mastercard, American Express, Discover, UnionPay, JCB, Diners,
# Mir, Maestro. Luhn alone would take every tenth product number.
_ISSUERS = (
    (re.compile("4"), {13, 16, 19}),
    (re.compile("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),
    (re.compile("3[47]"), {15}),
    (re.compile("6011|64[4-9]|65"), {16, 19}),
    (re.compile("62"), {16, 17, 18, 19}),
    (re.compile("35(2[89]|[3-8])"), {16}),
    (re.compile("30[0-5]|36|38|39"), {14}),
    (re.compile("220[0-4]"), {16, 19}),
    (re.compile("5018|5020|5038|6304|6759|676[1-3]"), {13, 14, 15, 16, 17, 18, 19}),
)

_CHINESE_MOBILE = re.compile(
    rf"{_START}(?:\(?(?:\+|00)?86\)?[ -]?)?1[3-9]\d(?:[ -]?\d{{4}}){{2}}{_END}", flags=re.ASCII
)
_INTERNATIONAL = re.compile(
    rf"(?<![0-9A-Za-z+])(?:\+ ?|00)[1-9]\d{{0,14}}(?:(?: ?\(\d{{1,5}}\) ?|[ .-])\d{{1,14}}){{0,7}}{_END}",
    flags=re.ASCII,
)
_BRITISH_MOBILE = re.compile(
    rf"(?<![0-9A-Za-z+])(?<![0-9]\.)(?<![A-Za-z]-)(?:(?:\+|00)44 ?(?:\(0\) ?)?|0)7\d{{3}} ?\d{{3}} ?\d{{3}}{_END}",
    flags=re.ASCII,
)
# Other national forms: the pattern, and the region whose numbering plan must know the number. Bare runs of digits are left alone:
# time stamps, order and article numbers look the same.
_NATIONAL = (
    (re.compile(rf"{_START}(?:1[ .-])?(?:\(\d{{3}}\) ?|\d{{3}}[ .-])\d{{3}}[ .-]\d{{4}}{_END}", flags=re.ASCII), "US"),
    (re.compile(rf"{_START}(?:\(0\d{{2,4}}\) ?|0\d{{2,4}} )\d{{3,4}} ?\d{{3,4}}{_END}", flags=re.ASCII), "GB"),
    (re.compile(rf"{_START}(?:\(0\d{{2,3}}\) ?|0\d{{2,3}}[ -])\d{{3,4}}[ -]?\d{{4}}{_END}", flags=re.ASCII), "CN"),
)
# After a word that announces it, any number of seven to fifteen digits is one.
_ANNOUNCED = re.compile(
    r"(?:(?<![A-Za-z])(?:(?:tele)?phoned?|tel|call(?:s|ed|ing)?|cell|mobile|fax|text|whatsapp|sms|ring|rang|dial|QQ)(?![A-Za-z])"
    r"|电话|手机|手機|電話|致电|拨打|微信)"
    r"(?: ?(?:me|us|him|her|back|number|no|nr|is|was|at|on|to|from|first|号码|号|號|是|为|[.:#-]))*+ ?"
    rf"([+(]?\d(?:[ ().-]{{0,2}}\d){{6,14}}){_END}",
    flags=re.IGNORECASE | re.ASCII,
)
_SERVICE = re.compile(r"[48]00[ -]?\d{3}[ -]?\d{4}|[48]00[ -]?\d{4}[ -]?\d{3}")  # Chinese numbers of companies
_DATE = re.compile(r"(?:19|20)\d\d([ .-]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])")

_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?![0-9A-Za-z])", flags=re.IGNORECASE | re.ASCII
)
_IBAN_JOINT = re.compile(r"[ -]|$")

_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)", flags=re.ASCII)
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9a-f:]*\d)(?:[0-9a-f]{1,4})?(?::[0-9a-f]{0,4}){2,8}(?![\w:])", flags=re.IGNORECASE | re.ASCII
)
# What stands before four numbers with dots that are a version.
_VERSION = re.compile(
    r"(?:\b(?:v|ver|version|firmware|build|release|driver|software|ios|android|windows|update[sd]?"
    r"|upgrade[sd]?)\b\.? ?(?:to|from|is|was|no|number|:)?"
    r"|版本|固件|系统|升级|更新|驱动)(?:号|到|至|为|是|[:： ])*[^\d\w]{0,3}$",
    flags=re.IGNORECASE,
)

# Names of query parameters whose value opens something; the second kind only with a value that nobody would type.
_SECRET = re.compile(
    r"(?<=[?&;#])(?:[\w.-]*(?:token|passw(?:or)?d|pwd|passwd|secret|signature|session_?id|sessionid|apikey|api[_-]key|access[_-]key|credential|otp)"
    r"|sig|sid|jsessionid|phpsessid|session|auth|authorization|jwt)=([^&;#?,()\s\"'<>\u3000-\u9fff]{4,})"
    r"|(?<=[?&;#])(?:code|key|ticket|state|hash|nonce|invite|s|t|k|h)=((?=[^&;#?\s]*\d)[\w%.~+/-]{16,}=*)",
    flags=re.IGNORECASE | re.ASCII,
)
_MATRIX_SESSION = re.compile(r"(?<=;jsessionid=)[\w.!-]{8,}", flags=re.IGNORECASE | re.ASCII)
_USERINFO = re.compile(r"(?<=://)[^\s/@?#\u3000-\u9fff]{1,200}(?=@)")
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", flags=re.ASCII)

_PASSPORT = re.compile(
    r"(?:(?<![a-z])passports?(?![a-z])|护照)(?:[ ,.:#(]|\b(?:no|number|num|nr|id|is|was|it|my|the)\b|号码|号|是"
    r"|为)*+(?<![0-9A-Za-z])"
    rf"([A-Z]{{0,2}}\d{{6,9}}){_END}",
    flags=re.IGNORECASE,
)
_SSN = re.compile(rf"{_START}(\d{{3}})-(\d{{2}})-(\d{{4}})(?![0-9A-Za-z-])", flags=re.ASCII)
_ARTICLE = re.compile(
    r"(?:part|model|item|order|sku|article|serial|ref|no\.|#|型号|货号|订单)\W{0,3}(?:\w{0,6}\W{0,2})?$",
    flags=re.IGNORECASE,
)
_ANNOUNCED_SSN = re.compile(
    r"(?<![a-z])(?:ssn|social security)(?![a-z])(?:[ ,.:#]|\b(?:no|number|num|nr|is|was|it|my)\b)*+"
    rf"(?<![0-9A-Za-z])(\d{{3}}[ -]?\d{{2}}[ -]?\d{{4}}){_END}",
    flags=re.IGNORECASE | re.ASCII,
)

CHINESE_PLACES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_CHINESE_PLATE = re.compile(
    rf"[{CHINESE_PLACES}][A-HJ-NP-Z][·•. -]?(?=[A-HJ-NP-Z]{{0,3}}\d)[A-HJ-NP-Z0-9]{{4,5}}[A-HJ-NP-Z0-9挂学警港澳](?![0-9A-Za-z])"
)
_PLATE = re.compile(
    r"(?<![a-z])(?:(?P<sure>(?:licen[cs]e|number|registration|car|vehicle) plates?|(?:vehicle|car) registration"
    r"|reg(?:istration)? (?:plate|number|no))"
    r"|plates?)(?![a-z])(?:[ ,.:#(]|\b(?:no|number|is|was|were|my|the|reads?|reg)\b)*+(?<![0-9A-Za-z])"
    r"(?P<plate>(?-i:[A-Z]{1,3}[ -]?\d{1,4}(?:[ -]?[A-Z]{1,3})?|\d{1,4}[ -]?[A-Z]{1,3}[ -]?\d{0,4}))(?![0-9A-Za-z-])",
    flags=re.IGNORECASE,
)
_VEHICLE = re.compile(
    r"\b(?:car|van|truck|lorry|vehicle|driver|drove|park(?:ed|ing)|police|motorbike|taxi)\b", flags=re.IGNORECASE
)


def emails(text: str) -> Iterator[Span]:
    if "@" in text:
        yield from (match.span() for match in _EMAIL.finditer(text))
    if "dot" in text.lower() or "at)" in text.lower() or "at]" in text.lower():
        yield from (match.span() for match in _SPELLED_EMAIL.finditer(text))


def resident_ids(text: str) -> Iterator[Span]:
    """Chinese resident identity numbers: check digit and birth date must fit (GB 11643). The place is not looked up: codes of
    dissolved counties are still in use."""
    from stdnum.cn import ric
    from stdnum.exceptions import ValidationError

    for match in _RESIDENT_ID.finditer(text):
        number = re.sub("[ -]", "", match[0]).upper()
        try:
            ric.get_birth_date(number)
        except ValidationError:
            continue
        if number[-1] == ric.calc_check_digit(number):
            yield match.span()


def _is_card(number: str) -> bool:
    from stdnum import ean, luhn

    if not any(prefix.match(number) and len(number) in lengths for prefix, lengths in _ISSUERS):
        return False
    # Cards of 13 digits are all but gone, articles numbered with 13 digits are everywhere.
    return luhn.is_valid(number) and not (len(number) == 13 and ean.is_valid(number))


def cards(text: str) -> Iterator[Span]:
    """13 to 19 digits, with spaces or dashes, of a known issuer and with a valid check digit (ISO/IEC 7812)."""
    for run in _DIGIT_GROUPS.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, *run.span())]
        free = 0  # a neighbour such as a count may stand before or after: every stretch of whole groups is tried
        for first, (start, _) in enumerate(groups):
            if start < free:
                continue
            number = ""
            for begin, end in groups[first : first + 19]:
                number += text[begin:end]
                if len(number) > 19:
                    break
                if len(number) >= 13 and _is_card(number):
                    yield start, end
                    free = end
                    break


def ibans(text: str) -> Iterator[Span]:
    """IBAN in one piece or in groups: country, length and check digits must fit (ISO 13616); a word may follow after a space."""
    from stdnum import iban

    for match in _IBAN.finditer(text):
        start, longest = match.span()
        ends = [joint.start() for joint in _IBAN_JOINT.finditer(text, start, longest)] or [longest]
        for end in sorted({*ends, longest}, reverse=True):
            if end - start >= 15 and iban.is_valid(text[start:end], check_country=False):
                yield start, end
                break


def _is_phone(number: str, region: str | None) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


def _international(text: str, start: int, end: int) -> Span | None:
    """The longest valid number at the start of the stretch: a year or a price may follow it after a space."""
    while end - start >= 8:
        number = text[start:end]
        if _is_phone("+" + number[2:] if number.startswith("00") else number, None):
            return start, end
        shorter = re.search(r"[ .()-]+\d+$", number)
        if shorter is None:
            return None
        end = start + shorter.start()
    return None


def phones(text: str) -> Iterator[Span]:
    # The form is enough; plans lag behind, and drama numbers are in none.
    for form in (_CHINESE_MOBILE, _BRITISH_MOBILE):
        yield from (match.span() for match in form.finditer(text))
    for match in _INTERNATIONAL.finditer(text):
        found = _international(text, *match.span())
        if found:
            yield found
    for pattern, region in _NATIONAL:
        yield from (match.span() for match in pattern.finditer(text) if _is_phone(match[0], region))
    for match in _ANNOUNCED.finditer(text):
        if not (_DATE.match(match[1]) or _SERVICE.fullmatch(match[1])):
            yield match.span(1)


def ips(text: str) -> Iterator[Span]:
    """Addresses of machines, versions 4 and 6. Private and local ones identify nobody and stay, as do versions of four parts."""
    for match in _IPV4.finditer(text):
        octets = [int(octet) for octet in match[0].split(".")]
        if max(octets) > 255 or not 1 <= octets[0] < 224 or max(octets) < 32 or _is_local(octets):
            continue
        if not _VERSION.search(text[max(0, match.start() - 30) : match.start()]):
            yield match.span()
    for match in _IPV6.finditer(text):
        try:
            address = ipaddress.IPv6Address(match[0])
        except ValueError:
            continue
        # `1::`, `::1` and the like are more often punctuation or a machine's own address.
        if len(match[0]) >= 8 and not (address.is_loopback or address.is_link_local or address.is_unspecified):
            yield match.span()


def _is_local(octets: list[int]) -> bool:
    first, second = octets[:2]
    return first in (10, 127) or (first, second) in ((192, 168), (169, 254)) or (first == 172 and 16 <= second < 32)


def secrets(text: str) -> Iterator[Span]:
    """Values in links that open something: tokens, passwords, signatures and session ids of query strings, user and password."""
    if "://" in text:
        yield from (match.span() for match in _USERINFO.finditer(text))
    if "=" in text:
        for match in _SECRET.finditer(text):
            yield match.span(1 if match[1] is not None else 2)
        yield from (match.span() for match in _MATRIX_SESSION.finditer(text))
    if "eyJ" in text:
        yield from (match.span() for match in _JWT.finditer(text))


def passports(text: str) -> Iterator[Span]:
    """Only after the word: alone, a passport's number looks like any article's."""
    yield from (match.span(1) for match in _PASSPORT.finditer(text))


def ssns(text: str) -> Iterator[Span]:
    """US social security numbers: written 3-2-4, or in any grouping after the word; areas never given out do not count."""
    from stdnum.us import ssn

    for match in _ANNOUNCED_SSN.finditer(text):
        yield match.span(1)
    for match in _SSN.finditer(text):
        if ssn.is_valid(match[0]) and not _ARTICLE.search(text[max(0, match.start() - 16) : match.start()]):
            yield match.span()


def plates(text: str) -> Iterator[Span]:
    """Chinese number plates by their form; others only after a word for one."""
    yield from (match.span() for match in _CHINESE_PLATE.finditer(text))
    for match in _PLATE.finditer(text):
        plate = match["plate"]
        is_mixed = any(c.isdigit() for c in plate) and any(c.isalpha() for c in plate)
        if is_mixed and len(plate) >= 5 and (match["sure"] or _VEHICLE.search(text)):
            yield match.span("plate")
