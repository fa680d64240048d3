"""Applicants for a credit, the UCI form `german.data`: 21 columns between blanks, no header, no id, no time.

Everything in a row is a statement about the applicant, the outcome too (`credit_outcome`, good or bad): it says how the
credit went and not when, so it cannot be an event of kind `repayment`. Rows have no time: a statement is taken as made at the
start of the drop's day. They name nobody: the applicant is the digest of the row (identifier `applicant`, with a number for
the second equal one), the same in every delivery.

Codes become words by the description that comes with the data; a code that is not in it refuses the row. Groemping (2019,
"South German Credit Data") shows that some of these words were mixed up at publication: take them as names of groups.
`sex`, `age_years` and `is_foreign_worker` are protected: never a feature by default.

Source: Hofmann, UCI Statlog "German Credit Data", CC BY 4.0.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from profiling.collect import Batch
from profiling.collect._lines import Line, batches, read_lines
from profiling.collect._repeats import Repeats
from profiling.collect._values import Unreadable, is_missing, number

# The columns in their order: the statement's name, and what its codes mean; None for a number.
_COLUMNS: dict[str, dict[str, str] | None] = {
    "checking_account_dm": {"A11": "below 0", "A12": "0 to 200", "A13": "200 and more", "A14": "no account"},
    "credit_months": None,
    "credit_history": {
        "A30": "no credits taken",
        "A31": "all paid back here",
        "A32": "paid back till now",
        "A33": "delayed in the past",
        "A34": "critical account",
    },
    "credit_purpose": {
        "A40": "new car", "A41": "used car", "A42": "furniture", "A43": "radio or television", "A44": "appliances",
        "A45": "repairs", "A46": "education", "A47": "vacation", "A48": "retraining", "A49": "business", "A410": "other",
    },
    "credit_amount_dm": None,
    "savings_dm": {
        "A61": "below 100", "A62": "100 to 500", "A63": "500 to 1000", "A64": "1000 and more", "A65": "unknown or none",
    },
    "employed_years": {
        "A71": "unemployed", "A72": "below 1", "A73": "1 to 4", "A74": "4 to 7", "A75": "7 and more",
    },
    "instalment_percent_of_income": None,
    "personal_status": {
        "A91": "divorced or separated", "A92": "divorced, separated or married", "A93": "single",
        "A94": "married or widowed", "A95": "single",
    },
    "other_debtors": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "residence_years": None,
    "property": {
        "A121": "real estate", "A122": "building society savings or life insurance", "A123": "car or other",
        "A124": "unknown or none",
    },
    "age_years": None,
    "other_instalment_plans": {"A141": "bank", "A142": "stores", "A143": "none"},
    "housing": {"A151": "rent", "A152": "own", "A153": "free"},
    "credits_here": None,
    "job": {
        "A171": "unemployed or unskilled, non-resident", "A172": "unskilled, resident", "A173": "skilled",
        "A174": "management or highly qualified",
    },
    "people_liable": None,
    "has_telephone": {"A191": "false", "A192": "true"},
    "is_foreign_worker": {"A201": "true", "A202": "false"},
    "credit_outcome": {"1": "good", "2": "bad"},
}  # fmt: skip
_SEX = {"A91": "male", "A92": "female", "A93": "male", "A94": "male", "A95": "female"}  # in the code of personal_status


def read(path: Path, zone: ZoneInfo) -> Iterator[Batch]:
    """Batches of statements, for `attributes`; `stated_at` is NaT.

    Raises:
        InputError: the file cannot be read at all.
    """
    return batches(path, zone, "attributes", _parser(), lines)


def lines(path: Path) -> Iterator[Line]:
    """The lines of one file, with the columns named."""
    return read_lines(path, _named)


def _named(words: list[str]) -> dict[str, Any]:
    if len(words) != len(_COLUMNS):
        raise Unreadable(
            "broken_columns", None, f"{len(words)} columns; an applicant has {len(_COLUMNS)}, between blanks"
        )
    return dict(zip(_COLUMNS, words, strict=True))


def _parser() -> Callable[[dict[str, Any], ZoneInfo], list[tuple[object, ...]]]:
    repeats = Repeats()

    def parse(record: dict[str, Any], zone: ZoneInfo) -> list[tuple[object, ...]]:
        said = {field: _said(record, field, meanings) for field, meanings in _COLUMNS.items()}
        said["sex"] = _SEX[str(record["personal_status"])]
        applicant = repeats.numbered("|".join(said.values()))
        return [([("applicant", applicant)], field, value, None) for field, value in said.items()]

    return parse


def _said(record: dict[str, Any], field: str, meanings: dict[str, str] | None) -> str:
    value = record.get(field)
    if is_missing(value):
        raise Unreadable(
            "missing_field", field, f"`{field}` is missing; every applicant has all {len(_COLUMNS)} columns"
        )
    if meanings is None:
        return f"{number(record, field):.15g}"
    if str(value) not in meanings:
        raise Unreadable("unknown_code", field, f"`{field}` has an unknown code; the known ones: {', '.join(meanings)}")
    return meanings[str(value)]
