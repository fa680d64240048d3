"""From a text to what it says: language, embedding, sentiment, keywords, aspects.

Every result is a function of one text alone, so it can be cached by text and never depends on the neighbours in a batch.
"""

# Of a longer text this much is read: the encoders stop after some hundred tokens, and VADER needs time quadratic in the length.
READ_CHARACTERS = 20_000


def readable(text: str) -> str:
    """The first READ_CHARACTERS of `text`, half surrogate pairs replaced: no UTF-8 library accepts those."""
    return text[:READ_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
