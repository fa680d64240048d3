"""A customer in one to three sentences, by template. Whether they go beyond the document, `llm.check` says, as of any author.

An interest is what somebody wrote, or what a shop calls its goods, and with some of their names (`coffee sale`) a sentence does
not pass. It is then said without these.
"""

from collections.abc import Sequence
from typing import Any

from profiling.llm.check import check, is_sensitive
from profiling.llm.grounds import Grounds
from profiling.profiles.grounds import aspects_of, grounds_of, satisfaction_level, satisfaction_trend
from profiling.profiles.wording import LEVEL, LIFE_CYCLE, TREND, counted, listed, topic_name, written_language

Document = dict[str, Any]

MENTIONED = 3

_WHO = {
    "en": "{who}, known for {known}: {done}, last seen {seen}.",
    "zh": "{who}：认识{known}，{done}，最近一次出现在{seen}。",
}
_LIKES = {"en": " Most interested in {topics}.", "zh": "最感兴趣的是{topics}。"}
_MOOD = {"en": " Satisfaction is {level} ({score}){rest}.", "zh": "满意度{level}（{score}）{rest}。"}
_PRAISE = {"en": "; praises {aspects}", "zh": "，称赞{aspects}"}
_COMPLAINT = {"en": "; is unhappy with {aspects}", "zh": "，不满意{aspects}"}


def write(document: Document, grounds: Grounds | None = None) -> Document:
    """The persona of a document whose other parts are complete.

    Args:
        grounds: the document's in the language it is written to in, where the caller has them.

    Returns:
        text, language (`en` or `zh`), written_by, checked (the fact check found nothing), and the evidence of what it mentions.
    """
    language = written_language(document["language"])
    grounds = grounds or grounds_of(document, language)
    interests = _interests(document)
    text = _text(document, interests, language)
    found = check(text, grounds, "persona")
    if found:
        interests = _sayable(document, interests, grounds)
        text = _text(document, interests, language)
        found = check(text, grounds, "persona")
    return {
        "text": text,
        "language": language,
        "written_by": "template",
        "checked": not found,
        **cited(_mentioned(interests, document["satisfaction"])),
    }


def _sayable(document: Document, interests: Sequence[Document], grounds: Grounds) -> list[Document]:
    """Those with which the text passes the check, the first before those behind it: side by side two may mean something else."""
    found: list[Document] = []
    for interest in interests:
        if not check(_text(document, [*found, interest], grounds.language), grounds, "persona"):
            found.append(interest)
    return found


def _text(document: Document, interests: Sequence[Document], language: str) -> str:
    return (_who(document, language) + _likes(interests, language) + _mood(document, language)).strip()


def cited(claims: list[Document]) -> dict[str, Any]:
    """The strongest interaction of each of some claims, at most MENTIONED, and how many interactions these name in all."""
    first = [claim["evidence"][0] for claim in claims if claim["evidence"]]
    every = {one for claim in claims for one in claim["evidence"]}
    return {"evidence": list(dict.fromkeys(first))[:MENTIONED], "evidence_count": len(every)}


def _who(document: Document, language: str) -> str:
    activity, counts = document["activity"], document["activity"]["counts"]
    kind = next((kind for kind in ("purchase", "review") if counts.get(kind)), "interaction")
    count = counts[kind] if kind in counts else activity["interaction_count"]
    known, recency = activity["days_known"], activity["recency_days"]
    if language == "zh":
        done = {"purchase": "购买", "review": "评论", "interaction": "互动"}[kind] + f"{count}次"
        days, seen = f"{known}天", f"{recency}天前" if recency else "当天"
    else:
        done, days = counted(count, kind), counted(known, "day")
        seen = f"{counted(recency, 'day')} ago" if recency else "today"
    who = LIFE_CYCLE[language][document["segment"]["life_cycle"]]
    return _WHO[language].format(who=who, known=days, done=done, seen=seen)


def _likes(interests: Sequence[Document], language: str) -> str:
    # Two interests may bear one name in the reader's language, and it is said once.
    named = (topic_name(interest["topic"], language) for interest in interests)
    topics = list(dict.fromkeys(named))[:MENTIONED]
    return _LIKES[language].format(topics=listed(topics, language)) if topics else ""


def _interests(document: Document) -> list[Document]:
    """Those that may be spoken of: who reads of an illness is interested in it, and it is nobody's business."""
    return [interest for interest in document["interests"] if not is_sensitive(interest["topic"])]


def _mentioned(interests: Sequence[Document], satisfaction: Document) -> list[Document]:
    """The claims behind the sentences, in their order: the opinions first, for they weigh more."""
    return [*interests[:1], satisfaction, *satisfaction["aspects"], *interests[1:MENTIONED]]


def _mood(document: Document, language: str) -> str:
    satisfaction = document["satisfaction"]
    if satisfaction["score"] is None:
        return ""
    trend, rest = satisfaction["trend"], ""
    if trend is not None:
        rest += TREND[language][satisfaction_trend(trend)]
    for template, sign in ((_PRAISE, 1), (_COMPLAINT, -1)):
        aspects = aspects_of(document, language, sign)[:MENTIONED]
        rest += template[language].format(aspects=listed(aspects, language)) if aspects else ""
    level = LEVEL[language][satisfaction_level(satisfaction["score"])]
    return _MOOD[language].format(level=level, score=f"{satisfaction['score']:.2f}", rest=rest)
