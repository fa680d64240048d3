"""Language of a text: its script where that settles it, else lingua among the languages of LATIN and CYRILLIC.

A text has one language, also where it mixes two: a third of Han characters among its letters makes it Chinese. What reads
sentences (sentiment, aspects) asks of each sentence again whether it `is_chinese`.
"""

import re
from functools import cache
from typing import Any

from profiling.text import readable
from profiling.text.lexicons import words

LATIN = ("ENGLISH", "GERMAN", "FRENCH", "SPANISH", "ITALIAN", "PORTUGUESE", "DUTCH")
CYRILLIC = ("RUSSIAN", "UKRAINIAN")
# Scripts that (for our purpose) one language stands for. Han comes after the two scripts that are mixed with it.
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff\uff66-\uff9f]")),
    ("ko", re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")),
    ("el", re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff\u0750-\u077f]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[a-z']+")
_MIN_LETTERS = 3
# A Han character says about as much as two Latin letters, so a third of the letters makes a text Chinese.
_SCRIPT_SHARE = 1 / 3
# Japanese and Korean mix Han in; a tenth of their own script settles it.
_MIXED_SHARE = 1 / 10
# lingua decides by groups of letters; the start of a text is enough, and its cost is linear in the length.
_PREFIX = 400
# In a shop most short texts in plain letters are English ("A red guitar"): another language must be ahead of it by the
# margin. On 1,500 review titles 98.9 % come out as English, 94.5 % without the margin; of 43 phrases of two or three words
# in the other languages 39 are right (41 without). lingua's low-accuracy mode saves 0.5 s and 260 MB, and finds 93.6 %.
_MARGIN = 0.3
_LEAST = 0.05


def detect(texts: list[str]) -> list[str]:
    """ISO 639-1 code of each text, `und` where it has fewer than three letters or nothing stands out.

    The order: script, then common English words (ASCII texts, at least a fifth of the words), then lingua, whose models
    are read only when a text gets that far.
    """
    return [_detect(readable(text)[:_PREFIX]) for text in texts]


def is_chinese(text: str) -> bool:
    """Whether at least a third of the letters are Han characters."""
    return not text.isascii() and 3 * len(_SCRIPTS[2][1].findall(text)) >= len(_LETTER.findall(text)) > 0


def _detect(text: str) -> str:
    letters = len(_LETTER.findall(text))
    if letters < _MIN_LETTERS:
        # Two Han characters are a word already.
        return "zh" if letters == 2 and len(_SCRIPTS[2][1].findall(text)) == 2 else "und"
    for code, script in _SCRIPTS:
        share = len(script.findall(text)) / letters
        if share >= (_MIXED_SHARE if code in ("ja", "ko") else _SCRIPT_SHARE):
            return code
    if _is_plain_english(text):
        return "en"
    confidences = {found.language.name: found.value for found in _detector().compute_language_confidence_values(text)}
    best = max(confidences, key=lambda name: (confidences[name], name))
    if confidences[best] == 0:  # a script that none of the languages is written in
        return "und"
    if text.isascii() and confidences[best] - confidences["ENGLISH"] < _MARGIN:
        return "en" if confidences["ENGLISH"] >= _LEAST else "und"
    return _codes()[best]


def _is_plain_english(text: str) -> bool:
    if not text.isascii():
        return False
    found = _WORD.findall(text.lower())
    common = words("english_markers")
    return 5 * sum(word in common for word in found) >= len(found) > 0


@cache
def _detector() -> Any:
    from lingua import Language, LanguageDetectorBuilder

    return LanguageDetectorBuilder.from_languages(*(getattr(Language, name) for name in LATIN + CYRILLIC)).build()


@cache
def _codes() -> dict[str, str]:
    from lingua import Language

    return {name: getattr(Language, name).iso_code_639_1.name.lower() for name in LATIN + CYRILLIC}
