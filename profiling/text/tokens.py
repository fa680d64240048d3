"""Words of a text. No tokenizer here needs a download."""

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from profiling.text import readable

TOKENIZERS: Final = ("english", "jieba")

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_REDACTED = re.compile(r"\[[a-z_]+\d*\]")  # what stands where personal data stood


def split(text: str, tokenizer: str) -> list[str]:
    """The tokens of a text, punctuation among them, by one of TOKENIZERS."""
    return _tokenizer(tokenizer)(text)


def words_of(text: str) -> list[str]:
    """The words of a text, lower case: letters only, for a number is an amount or points to a person. By jieba where the text
    has a Chinese character, else by NLTK's tokenizer."""
    plain = _REDACTED.sub(" ", readable(text)).lower()
    tokens = split(plain, "jieba" if _HAN.search(plain) else "english")
    return [token for token in tokens if _WORD.fullmatch(token)]


@cache
def _tokenizer(name: str) -> Callable[[str], list[str]]:
    if name == "jieba":
        from profiling.text.lexicons import chinese

        words: Callable[[str], list[str]] = chinese()[0].lcut
        return lambda text: [word for word in words(text) if not word.isspace()]
    from nltk.tokenize import NLTKWordTokenizer

    tokenize: Callable[[str], list[str]] = NLTKWordTokenizer().tokenize
    return tokenize
