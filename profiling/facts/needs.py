"""What a text must hold for an expression to match: asking for it first costs a fiftieth of the search."""

import re
from collections.abc import Iterable
from re import _constants as op  # type: ignore[attr-defined]  # what `re.compile` itself reads an expression with
from re import _parser  # type: ignore[attr-defined]
from typing import Any

MOST = 64  # strings of a set: beyond, looking for them all costs what the search does

Strings = frozenset[str]
_EMPTY: Strings = frozenset([""])


def needed(pattern: re.Pattern[str]) -> Strings | None:
    """Strings of which any text that matches holds at least one once it is folded; None where none can be told.

    Example:
        >>> sorted(needed(re.compile("my (?:son|daughters?) [a-z]+")) or ())
        ['my daughter ', 'my daughters ', 'my son ']
    """
    found = _needed(_parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))
    return found if found and "" not in found else None


def _needed(items: Iterable[tuple[Any, Any]]) -> Strings | None:
    best: Strings | None = None
    run = _EMPTY  # all that the items since the last open one can be
    for kind, value in items:
        exact = _exact(kind, value)
        if exact is not None and len(run) * len(exact) <= MOST:
            run = frozenset(left + right for left in run for right in exact)
        else:
            best = _better(best, run)
            run = _EMPTY if exact is None else exact
            best = _better(best, _within(kind, value) if exact is None else None)
    return _better(best, run)


def _within(kind: Any, value: Any) -> Strings | None:
    if kind is op.SUBPATTERN:
        return _needed(value[-1])
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT) and value[0] > 0:
        return _needed(value[-1])
    return _any_of([_needed(branch) for branch in value[1]]) if kind is op.BRANCH else None


def _exact(kind: Any, value: Any) -> Strings | None:
    """All that one item can match; None where that is not a short list."""
    if kind is op.LITERAL:
        letter = chr(value)
        return frozenset([letter.lower()]) if letter.isascii() or letter.lower() == letter.upper() else None
    if kind in (op.AT, op.ASSERT, op.ASSERT_NOT):
        return _EMPTY
    if kind is op.IN:
        return _any_of([_exact(*each) if each[0] is op.LITERAL else None for each in value])
    if kind is op.SUBPATTERN:
        return _exactly(value[-1])
    if kind is op.BRANCH:
        return _any_of([_exactly(branch) for branch in value[1]])
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT) and value[:2] == (0, 1):
        return _any_of([_EMPTY, _exactly(value[-1])])
    return None


def _exactly(items: Iterable[tuple[Any, Any]]) -> Strings | None:
    run = _EMPTY
    for kind, value in items:
        exact = _exact(kind, value)
        if exact is None or len(run) * len(exact) > MOST:
            return None
        run = frozenset(left + right for left in run for right in exact)
    return run


def _any_of(sets: list[Strings | None]) -> Strings | None:
    found: set[str] = set()
    for each in sets:
        if each is None:
            return None
        found |= each
    return frozenset(found) if len(found) <= MOST else None


def _better(one: Strings | None, other: Strings | None) -> Strings | None:
    """The one of two sets whose shortest string is longer: it is rarer in a text."""
    sets = [each for each in (one, other) if each]
    return max(sets, key=lambda each: (min(map(len, each)), -len(each)), default=None)
