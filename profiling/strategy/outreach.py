"""What to write to a customer for the next best action, by template, in English and Chinese.

Nobody sends it from here: it lies in the profile, for whoever approaches the customer by the channel that the action names.
"""

from collections.abc import Mapping
from typing import Any

from profiling.llm.check import check, is_name, is_sensitive
from profiling.llm.grounds import Grounds
from profiling.profiles.canonical import Unknown
from profiling.profiles.grounds import aspects_of, grounds_of
from profiling.profiles.wording import title_in

Document = Mapping[str, Any]

NOTHING_TO_SAY = "there is nothing to say"
NO_SUBJECT = "only an e-mail has a subject"

_HELLO = {"en": "Hello", "zh": "您好"}
# By action: subject, message. `{trouble}`, `{offer}` and `{reply}` are sentences or empty; see `_slots`.
_TEMPLATES = {
    "recover_service": {
        "en": (
            "We would like to put this right",
            "{hello}, we are sorry{trouble}. We want to understand what went wrong, and to do better. {reply}",
        ),
        "zh": ("我们想为您解决问题", "{hello}，{trouble}我们非常抱歉。我们希望了解问题所在，并尽快改进。{reply}"),
    },
    "win_back": {
        "en": (
            "It has been a while",
            "{hello}, it has been a while since we last saw you. {offer}We would be happy to see you again.",
        ),
        "zh": ("好久不见", "{hello}，好久不见。{offer}期待您再来看看。"),
    },
    "welcome": {
        "en": (
            "Welcome to our shop",
            "{hello}, and welcome to our shop. Thank you for choosing us. {offer}If you have a question, we are happy to help.",
        ),
        "zh": ("欢迎您", "{hello}，欢迎来到本店，感谢您选择我们。{offer}如有问题，请随时告诉我们。"),
    },
    "reward": {
        "en": ("Thank you", "{hello}, thank you for coming back to us again and again. We appreciate it. {offer}"),
        "zh": ("感谢您一路陪伴", "{hello}，感谢您一直以来的信任与支持，我们十分珍惜。{offer}"),
    },
    "cross_sell": {
        "en": ("Something for you", "{hello}, we looked for something that fits what you like. {offer}We hope you enjoy it."),
        "zh": ("为您挑选", "{hello}，我们按您的喜好为您挑选。{offer}希望您喜欢。"),
    },
    "ask_for_review": {
        "en": (
            "How was it?",
            "{hello}, thank you for your recent purchase. How do you like it? A few words help other customers to choose, and us "
            "to improve.",
        ),
        "zh": ("感觉如何？", "{hello}，感谢您最近的购买。您觉得怎么样？几句评价就能帮助其他顾客选择，也能帮助我们改进。"),
    },
}  # fmt: skip
_TROUBLE = {"en": " about the trouble with {aspect}", "zh": "关于{aspect}的问题，"}
_OFFER = {"en": "This may suit you: {offer}. ", "zh": "也许适合您：{offer}。"}
# What a message does without, the first that passes: nothing, else what names something.
_LEFT_OUT = ((), ("offer",), ("trouble",), ("offer", "trouble"))
_REPLY = {
    "en": {
        "email": "If you reply to this e-mail, our team will read it and help.",
        "": "Tell us, and our team will help.",
    },
    "zh": {"email": "您可以直接回复，我们的团队会认真倾听并帮助您。", "": "请告诉我们，我们的团队会帮助您。"},
}


def write(
    document: Document, action: str, channel: str, language: str, grounds: Grounds | None = None
) -> dict[str, Any]:
    """The copy of an action; what it would name and the fact check would refuse is left out.

    Args:
        document: settled, without the copy.
        language: `en` or `zh`.
        grounds: the document's in that language, where the caller has them.

    Returns:
        subject (Unknown where the channel has none), message, language, written_by, checked.
    """
    grounds = grounds or grounds_of(document, language)
    for left_out in _LEFT_OUT:
        slots = _slots(document, channel, language) | dict.fromkeys(left_out, "")
        subject, message = (text.format(**slots).strip() for text in _TEMPLATES[action][language])
        found = check(message, grounds, "message") + check(subject, grounds, "subject")
        if not found:
            break
    return {
        "subject": subject if channel == "email" else Unknown(NO_SUBJECT),
        "message": message,
        "language": language,
        "written_by": "template",
        "checked": not found,
    }


def trouble_of(document: Document, language: str) -> str | None:
    """The aspect complained of most, as its reader calls it."""
    return next(iter(aspects_of(document, language, -1)), None)


def offer_of(document: Document, language: str) -> str | None:
    """The title of the best offer, the part of it that is in the language; None where it is not a name to repeat to somebody."""
    offers = document["recommendations"] or []
    if not offers or not offers[0]["title"]:
        return None
    title = title_in(offers[0]["title"], language)
    return title if is_name(title) and not is_sensitive(title) else None


def _slots(document: Document, channel: str, language: str) -> dict[str, str]:
    trouble, offer = trouble_of(document, language), offer_of(document, language)
    replies = _REPLY[language]
    return {
        "hello": _HELLO[language],
        "trouble": _TROUBLE[language].format(aspect=trouble) if trouble else "",
        "offer": _OFFER[language].format(offer=offer) if offer else "",
        "reply": replies.get(channel, replies[""]),
    }
