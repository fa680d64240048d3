"""Identifiers made regular before they are hashed: one person's address or number has one spelling.

By kept libraries, once for each distinct value. What cannot be normalised stays as the source writes it, trimmed, and is counted:
it still names its person within that source's spelling.

text    Unicode NFC, trimmed: accounts, customer numbers, card tokens. Nothing else, since `c1` and `C1` may be two customers.
email   `email-validator`: NFKC, syntax, the domain in lower case and IDNA's Unicode form. Of the local part the case is folded:
        the standard would let `Ann@` and `ann@` be two people, and no provider in use does. Dots and `+tags` stay: what they
        mean differs from provider to provider.
phone   `phonenumbers`: E.164, an extension kept (`;ext=`), for a company's extensions are different people. With a country
        code (`+` or `00`) a possible length is enough, since plans of numbers change faster than libraries; without one
        `PROFILING_PHONE_REGION` says the country, and its plan must know the number.
device  a UUID in lower case, as advertising ids are written both ways; any other as text.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from profiling.prepare.identity_rules import Rules

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
# What the library would leave as it is but for the case: a tenth of its time, and nearly every address. The last label names no
# domain of special use (`local`, `invalid`), and `--` may be IDNA's.
_PLAIN_EMAIL = re.compile(
    r"(?=.{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?!.*--)(?=.{1,190}$)"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?!arpa$|invalid$|local$|localhost$|onion$)[A-Za-z]{2,63}",
    flags=re.ASCII | re.IGNORECASE,
)
_KEPT = 1 << 18  # distinct values remembered: a day's, of one worker


def normalised(rules: Rules, identifier_type: str, value: str) -> str:
    """The spelling of an identifier that is hashed."""
    return _normalise(rules.of(identifier_type).normalise, rules.phone_region, value)[0]


def as_written(rules: Rules, rows: Iterable[Iterable[tuple[str, str]]]) -> dict[str, int]:
    """How many identifiers of some rows could not be normalised, by type, sorted."""
    counts: Counter[str] = Counter()
    may_fail: dict[str, bool] = {}
    doubtful = []
    for kind, value in chain.from_iterable(rows):
        if kind not in may_fail:
            may_fail[kind] = rules.of(kind).normalise not in ("text", "device")
        if may_fail[kind]:
            doubtful.append((kind, value))
    for (kind, value), times in Counter(doubtful).items():
        if not _normalise(rules.of(kind).normalise, rules.phone_region, value)[1]:
            counts[kind] += times
    return dict(sorted(counts.items()))


@lru_cache(maxsize=_KEPT)
def _normalise(how: str, region: str | None, value: str) -> tuple[str, bool]:
    """(the spelling, whether it is the normal one)."""
    text = unicodedata.normalize("NFC", value).strip()
    if how == "text":
        return text, True
    if how == "device":
        return (text.lower() if _UUID.fullmatch(text) else text), True
    found = _email(text) if how == "email" else _phone(text, region)
    return (text, False) if found is None else (found, True)


def _email(text: str) -> str | None:
    return text.lower() if _PLAIN_EMAIL.fullmatch(text) else _email_by_library(text)


def _email_by_library(text: str) -> str | None:
    from email_validator import EmailNotValidError, validate_email

    try:
        # Syntax alone: whether a domain exists changes from day to day, and names for tests are names too.
        found = validate_email(
            unicodedata.normalize("NFKC", text),
            check_deliverability=False, globally_deliverable=False, test_environment=True,
        )  # fmt: skip
    except (EmailNotValidError, ValueError):  # ValueError: lone surrogates, which IDNA cannot encode
        return None
    return f"{found.local_part.casefold()}@{found.domain}"


def _phone(text: str, region: str | None) -> str | None:
    import phonenumbers as numbers

    text = unicodedata.normalize("NFKC", text)
    text = "+" + text[2:] if text.startswith("00") else text
    has_country = text.removeprefix("tel:").startswith("+")
    try:
        found = numbers.parse(text, None if has_country else region)
    except numbers.NumberParseException:
        return None
    is_possible = numbers.is_possible_number_with_reason(found) == numbers.ValidationResult.IS_POSSIBLE
    if not (is_possible if has_country else numbers.is_valid_number(found)):
        return None
    written = str(numbers.format_number(found, numbers.PhoneNumberFormat.E164))
    return f"{written};ext={found.extension}" if found.extension else written
