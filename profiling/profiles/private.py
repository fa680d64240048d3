"""What nobody is known by: health, religion, politics and the like among the words that customers write.

A fact about it is never read (`facts/sentences.py`) and no sentence says it (`llm/check.py`); here are the sums of words, which
would otherwise tell it.
"""

from collections.abc import Iterable
from functools import lru_cache

import pandas as pd

from profiling.facts.slots import is_sensitive as is_special
from profiling.llm.check import is_sensitive
from profiling.profiles.wording import LANGUAGES, topic_name


@lru_cache(maxsize=65_536)  # interests and topics ask of the same words, and every customer has few that no other has
def is_private(word: str) -> bool:
    """Whether a word, or what it is called in the other language, stands on a list of facts or of the fact check."""
    names = {word, *(topic_name(word, language) for language in LANGUAGES)}
    return any(is_special(name) or is_sensitive(name) for name in names)


def private_among(words: Iterable[str]) -> set[str]:
    """Those that are; each is looked at once."""
    return {word for word in set(words) if is_private(word)}


def without_private(rows: pd.DataFrame, named: str) -> pd.DataFrame:
    """Without the rows whose word, in the column `named`, is."""
    return rows[~rows[named].isin(private_among(rows[named].dropna()))]
