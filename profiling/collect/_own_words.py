"""The words of whoever wrote a message: without quoted messages, signatures and what is not shown of HTML.

Every pattern is bounded and everything is read once: a stranger's message of any form takes no more time than it has length.
"""

import re
from html import unescape

# What stands before a quoted message. The bounds keep a line of a megabyte cheap.
_ANNOUNCED = re.compile(
    r"(on|am|le|el|il|op) .{4,200}(wrote|schrieb|a écrit|escribió|ha scritto|schreef)( .{1,100})? ?:"
    r"|.{0,100}(写道|寫道|wrote) ?[:：]",
    re.I,
)
_ORIGINAL = re.compile(
    r"-{2,} ?(original|forwarded|ursprüngliche|weitergeleitete|原始邮件|转发).{0,60}|begin forwarded message:|_{20,}",
    re.I,
)
_APPENDED = re.compile(r"(sent from (my|mail)|get outlook for|von meinem .{1,30} gesendet|发自我的).{0,60}", re.I)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,20})((?:[\s/][^<>]{0,2000})?)>|<[!?][^<>]{0,2000}>")
_QUOTE_CLASS = re.compile(r"class\s{0,5}=\s{0,5}[\"']?[^\"'>]{0,100}quote", re.I)
_BLOCKS = frozenset({"br", "p", "div", "li", "tr", "table", "h1", "h2", "h3", "h4", "hr", "ul", "ol"})
_HIDDEN = frozenset({"script", "style", "head", "title", "blockquote"})
_VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "wbr", "col"})
_MOST_OPEN = 100  # elements within one another that are told apart


def plain(html: str) -> str:
    """The text of an HTML body: blocks end a line; what is not shown, and quoted messages, are left out.

    Not by html.parser, whose time grows with the square of what a stranger sends (a minute for 200 kB of `<a `).

    >>> plain("<p>Late <b>again</b></p><blockquote>We are sorry</blockquote>").strip()
    'Late again'
    """
    html = _without_comments(html)
    said: list[str] = []
    within: list[str] = []  # elements open within the hidden one, itself first
    at = 0
    for found in _TAG.finditer(html):
        if not within:
            said.append(html[at : found.start()])
        at = found.end()
        is_end, tag, rest = found[1] == "/", (found[2] or "").lower(), found[3] or ""
        if is_end and tag in within:
            while within.pop() != tag:
                pass  # elements that were never closed
        is_hidden = bool(within) or tag in _HIDDEN or _QUOTE_CLASS.search(rest) is not None
        if tag and not is_end and is_hidden and tag not in _VOID and len(within) < _MOST_OPEN:
            within.append(tag)
        if tag in _BLOCKS:
            said.append("\n")
    if not within:
        said.append(html[at:])
    return unescape("".join(said))


def _without_comments(html: str) -> str:
    kept, at = [], 0
    while (start := html.find("<!--", at)) >= 0 and (end := html.find("-->", start + 4)) >= 0:
        kept.append(html[at:start])
        at = end + 3
    return "".join([*kept, html[at:]])


def own_words(body: str) -> str:
    """A body without quoted lines, what announces them, the signature and what phones append.

    >>> own_words("It broke.\\n\\nOn Mon, 2 Mar 2026, Shop wrote:\\n> How is it?\\n-- \\nAnn")
    'It broke.'
    """
    written = body.splitlines()
    kept: list[str] = []
    for number, line in enumerate(written):
        bare = line.strip()
        if line.rstrip("\r\n") in ("-- ", "--") or _ORIGINAL.fullmatch(bare[:300]):
            break
        if (
            bare.startswith(">")
            or _APPENDED.fullmatch(bare[:300])
            or _announces(bare, written[number + 1 : number + 4])
        ):
            continue
        kept.append(line.rstrip())
    return "\n".join(kept).strip()


def _announces(line: str, after: list[str]) -> bool:
    """Whether a line announces quoted ones: it reads so, and one of the next begins with `>` or nothing follows."""
    if not _ANNOUNCED.fullmatch(line[:300]):
        return False
    following = [bare for bare in (each.strip() for each in after) if bare]
    return not following or following[0].startswith(">")
