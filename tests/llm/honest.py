# ruff: noqa: E501
"""What an honest model might write about a document: paraphrases in several styles, written by hand, filled from the document.

Each style is a function of a `Known`, and gives None where the document has nothing to say in it. The check was made with the
styles of an even number. Those of an odd one were looked at once, and what they showed was mended. `FRESH` was written after
that, and measured once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from profiling.profiles.grounds import aspects_of, satisfaction_level, satisfaction_trend
from profiling.profiles.wording import listed
from profiling.strategy.outreach import offer_of, trouble_of

Document = dict[str, Any]


class Known:
    """The document in words; `has` and the like are None where nothing is known."""

    def __init__(self, document: Document, language: str) -> None:
        self.document, self.language = document, language
        self.counts = document["activity"]["counts"]
        self.bought = self.counts.get("purchase")
        self.reviewed = self.counts.get("review")
        self.known, self.ago = document["activity"]["days_known"], document["activity"]["recency_days"]
        self.since, self.last = document["activity"]["first_seen_at"][:10], document["activity"]["last_seen_at"][:10]
        self.topics = list(dict.fromkeys(each["topic"] for each in document["interests"]))
        self.stage = document["segment"]["life_cycle"]
        score, trend = document["satisfaction"]["score"], document["satisfaction"]["trend"]
        self.level = None if score is None else satisfaction_level(score)
        self.trend = None if trend is None else satisfaction_trend(trend)
        self.score = score
        self.praises, self.complaints = aspects_of(document, language, 1), aspects_of(document, language, -1)
        self.offer, self.trouble = offer_of(document, language), trouble_of(document, language)
        decision = document["next_best_action"] or {}
        self.action, self.channel = decision.get("action"), decision.get("channel")

    def list(self, names: list[str], most: int = 3) -> str:
        return listed(names[:most], self.language)


PARTS = ("made with", "first look", "fresh")
Style = Callable[[Known], str | None]


@dataclass(frozen=True)
class Honest:
    """One honest output: its text, its kind for the check, its style, and to which of PARTS it belongs."""

    text: str
    kind: str
    style: str
    part: str
    document: Document


def _month(day: str) -> str:
    names = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
    return f"{names[int(day[5:7]) - 1]} {day[:4]}"


_STAGE = {
    "new": "new customer", "active": "active customer", "loyal": "loyal customer", "at_risk": "customer at risk of leaving",
    "lapsed": "lapsed customer",
}  # fmt: skip
_STAGE_ZH = {
    "new": "新客户",
    "active": "活跃客户",
    "loyal": "忠诚客户",
    "at_risk": "有流失风险的客户",
    "lapsed": "已流失的客户",
}

PERSONA_EN: list[Style] = [
    lambda k: k.topics and f"This {_STAGE[k.stage]} has been with us since {_month(k.since)} and is mainly interested in {k.list(k.topics)}.",
    lambda k: k.bought and f"Known since {k.since}, the customer has made {k.bought} purchase{'s' if k.bought > 1 else ''} so far and was last seen on {k.last}.",
    lambda k: k.topics and k.level and f"Interests centre on {k.list(k.topics)}. Overall satisfaction is {k.level}.",
    lambda k: k.praises and k.complaints and f"They praise {k.list(k.praises)} but are unhappy with {k.list(k.complaints)}.",
    lambda k: k.praises and f"When writing reviews, the customer speaks well of {k.list(k.praises)}.",
    lambda k: k.complaints and f"In their reviews they complain about {k.list(k.complaints)}.",
    lambda k: k.topics and f"A shopper whose attention goes mostly to {k.topics[0]}, with a history of {k.known} days.",
    lambda k: k.level == "high" and f"The customer is clearly satisfied with the shop, and keeps coming back for {k.topics[0]}." if k.topics else None,
    lambda k: k.level == "low" and "The customer is dissatisfied at the moment.",
    lambda k: k.reviewed and k.bought and f"Between {k.bought} purchases and {k.reviewed} reviews, there is a good record of what this customer likes: {k.list(k.topics)}.",
    lambda k: k.trend and k.level and f"Satisfaction is {k.level} and {k.trend}, based on their own words.",
    lambda k: k.topics and k.bought and f"Browses and buys around {k.list(k.topics, 2)}, and was seen here {k.ago} days ago." if k.ago > 1 else None,
    lambda k: k.topics and k.complaints and f"Keen on {k.topics[0]}; {k.complaints[0]} is the main point of criticism.",
    lambda k: k.topics and k.praises and f"Likes {k.list(k.topics)}, and appreciates our {k.praises[0]} in particular.",
    lambda k: k.level == "fair" and f"Mood is mixed: satisfaction is fair, at {k.score:.2f}.",
    lambda k: k.bought == 1 and "There has been one purchase so far.",
    lambda k: k.bought and f"With {k.bought} orders since {_month(k.since)}, this person shows a steady interest in {k.topics[0]}." if k.topics and k.trend in ("steady", None) else None,
    lambda k: k.topics and f"The customer looks at several things, but {k.topics[0]} stands out.",
]  # fmt: skip
PERSONA_ZH: list[Style] = [
    lambda k: k.topics and f"这位{_STAGE_ZH[k.stage]}自{k.since[:4]}年{int(k.since[5:7])}月起与我们往来，主要关注{k.list(k.topics)}。",
    lambda k: k.bought and f"该客户累计购买{k.bought}次，最近一次到访是{k.last}。",
    lambda k: k.topics and k.level and f"兴趣集中在{k.list(k.topics)}，整体满意度{ {'high': '较高', 'fair': '一般', 'low': '较低'}[k.level]}。",
    lambda k: k.praises and k.complaints and f"对{k.list(k.praises)}表示认可，但对{k.list(k.complaints)}不满意。",
    lambda k: k.praises and f"在评价中称赞{k.list(k.praises)}。",
    lambda k: k.complaints and f"评价里抱怨过{k.list(k.complaints)}。",
    lambda k: k.topics and f"认识{k.known}天，平时最常看{k.topics[0]}。",
    lambda k: k.level == "high" and "总体上对本店相当满意。",
    lambda k: k.level == "low" and "目前对购物体验不太满意。",
    lambda k: k.reviewed and f"写过{k.reviewed}条评价，从中可以看出对{k.topics[0]}的喜爱。" if k.topics else None,
    lambda k: k.topics and f"喜欢{k.list(k.topics)}，{k.ago}天前来过。" if k.ago > 1 else None,
    lambda k: k.topics and k.complaints and f"关注{k.topics[0]}，最在意的问题是{k.complaints[0]}。",
    lambda k: k.topics and k.praises and f"偏爱{k.list(k.topics, 2)}，尤其欣赏我们的{k.praises[0]}。",
    lambda k: k.level == "fair" and f"满意度一般（{k.score:.2f}），评价有好有坏。",
    lambda k: k.bought and f"从{int(k.since[5:7])}月至今下单{k.bought}次，对{k.topics[0]}一直保持兴趣。" if k.topics else None,
]  # fmt: skip


def _offers(k: Known) -> list[tuple[str, str | None, str | None]]:
    """(title in the language, title it is like, category) of the offers, read out of the template's reason."""
    import re

    found = []
    for offer in (k.document["recommendations"] or [])[:3]:
        if not offer["title"]:
            continue
        parts = offer["title"].split(" / ")
        title = parts[-1] if k.language == "zh" else parts[0]
        like = re.search(r"[Ll]ike (.+?), which you|评价过的“(.+?)”", offer["reason"])
        category = re.search(r"category you like: (.+?)[;.]|喜欢的品类：(.+?)[；。]", offer["reason"])
        like_title = next(filter(None, like.groups())) if like else None
        if like_title:
            halves = like_title.split(" / ")
            like_title = halves[-1] if k.language == "zh" else halves[0]
        found.append((title, like_title, next(filter(None, category.groups())) if category else None))
    return found


Reason = Callable[[str, str | None, str | None], str | None]
REASON_EN: list[Reason] = [
    lambda title, like, category: like and f"Because you wrote about the {like}, the {title} may be a good match.",
    lambda title, like, category: category and f"You often look at {category}, and the {title} fits right in.",
    lambda title, like, category: f"Other customers have been choosing the {title} lately.",
    lambda title, like, category: like and f"It is similar to the {like} you reviewed.",
    lambda title, like, category: category and f"A popular choice in {category}, a category you enjoy.",
    lambda title, like, category: f"You have not tried the {title} yet, and it suits your taste.",
    lambda title, like, category: (
        like and category and f"If you like {category}, the {title} goes well with your {like}."
    ),
    lambda title, like, category: category and f"Chosen for you from {category}.",
]
REASON_ZH: list[Reason] = [
    lambda title, like, category: like and f"您评价过{like}，这款{title}与之相似。",
    lambda title, like, category: category and f"您常看{category}，{title}也许合您心意。",
    lambda title, like, category: f"{title}近来很受其他客户欢迎。",
    lambda title, like, category: (
        like and f"与您买过的{like}很搭配。" if False else (like and f"和您评价过的{like}同类，可能适合您。")
    ),
    lambda title, like, category: category and f"来自您喜欢的{category}，是近期的热门选择。",
    lambda title, like, category: f"您还没有试过{title}，不妨看看。",
    lambda title, like, category: category and f"按您对{category}的兴趣挑选。",
]

# By action: (subject, message).
Copy = Callable[[Known], tuple[str, str] | None]
COPY_EN: dict[str, list[Copy]] = {
    "recover_service": [
        lambda k: ("We are sorry", f"Hello, we are sorry about the problem with {k.trouble}. Please tell us what happened, so that we can help.") if k.trouble else None,
        lambda k: ("How can we help?", f"Hello, we read that {k.trouble} was not what you expected, and we are sorry. Our team wants to make it right.") if k.trouble else None,
        lambda k: ("Let us make it right", "Dear customer, thank you for your feedback. We would like to hear more about what went wrong, and to improve."),
        lambda k: ("Your feedback matters to us", "Hello, your last experience with us fell short, and we apologise. Write back whenever it suits you. We will listen and help."),
    ],
    "win_back": [
        lambda k: ("We miss you", f"Hello, it has been some time since your last visit. We have something new in {k.topics[0]} that may interest you.") if k.topics else None,
        lambda k: ("It has been a while", "Hello, we have not seen you for a while and would love to welcome you back."),
        lambda k: ("A look at what is new", f"Hello, the {k.offer} may be to your taste. Come and have a look when you have a moment.") if k.offer else None,
    ],
    "welcome": [
        lambda k: ("Welcome", "Hello and a warm welcome. We are glad you found us. If you have questions, our team is here to help."),
        lambda k: ("Good to have you with us", f"Hello, thank you for joining us. Since you like {k.topics[0]}, you may want to look at the {k.offer}.") if k.offer and k.topics else None,
        lambda k: ("Thank you for choosing us", "Dear customer, it is a pleasure to welcome you. Have a look around, and let us know how we can help."),
    ],
    "reward": [
        lambda k: ("A warm thank you", "Hello, thank you for being such a loyal customer. It means a lot to us."),
        lambda k: ("Thank you", f"Hello, we really appreciate your loyalty. With your interest in {k.topics[0]} in mind, the {k.offer} may be right for you.") if k.offer and k.topics else None,
        lambda k: ("We appreciate you", "Hello, we just wanted to say thank you for your continued interest in our shop."),
    ],
    "cross_sell": [
        lambda k: (f"The {k.offer}", f"Hello, as you enjoy {k.topics[0]}, we think that the {k.offer} could be a good addition.") if k.offer and k.topics else None,
        lambda k: ("An idea for you", f"Hello, customers with a similar taste like the {k.offer}. Perhaps it suits you too.") if k.offer else None,
        lambda k: (f"More {k.topics[0]}", f"Hello, we picked the {k.offer} for you because of your interest in {k.topics[0]}. We hope you like it.") if k.offer and k.topics else None,
        lambda k: ("Picked for you", f"Hello, have you seen the {k.offer} yet? It goes well with {k.topics[0]}.") if k.offer and k.topics else None,
    ],
    "ask_for_review": [
        lambda k: ("Tell us what you think", "Hello, thank you for your recent order. We would love to hear how you like it."),
        lambda k: ("Your opinion counts", "Hello, a short review helps others and helps us to get better. Thank you for taking a minute."),
    ],
}  # fmt: skip
COPY_ZH: dict[str, list[Copy]] = {
    "recover_service": [
        lambda k: ("非常抱歉", f"您好，{k.trouble}给您带来了不便，我们深表歉意。请告诉我们具体情况，我们会尽快处理。") if k.trouble else None,
        lambda k: ("我们想听听您的意见", "您好，得知您上次的体验不太好，我们十分抱歉。欢迎随时回复，我们会认真倾听并改进。"),
        lambda k: ("让我们来改进", f"您好，关于{k.trouble}的问题，我们已经注意到，希望能为您解决。") if k.trouble else None,
    ],
    "win_back": [
        lambda k: ("好久不见", f"您好，有一段时间没见到您了。{k.topics[0]}有了新选择，欢迎回来看看。") if k.topics else None,
        lambda k: ("期待再见", "您好，许久未见，我们很想念您。有空时欢迎再来逛逛。"),
    ],
    "welcome": [
        lambda k: ("欢迎光临", "您好，欢迎来到我们店铺，很高兴认识您。有任何问题请随时联系我们。"),
        lambda k: ("很高兴认识您", f"您好，感谢您的关注。您对{k.topics[0]}感兴趣，也许会喜欢{k.offer}。") if k.offer and k.topics else None,
    ],
    "reward": [
        lambda k: ("衷心感谢", "您好，感谢您长期以来的支持，我们非常珍惜。"),
        lambda k: ("谢谢您", f"您好，谢谢您一直选择我们。考虑到您喜欢{k.topics[0]}，为您推荐{k.offer}。") if k.offer and k.topics else None,
    ],
    "cross_sell": [
        lambda k: ("为您推荐", f"您好，您喜欢{k.topics[0]}，我们觉得{k.offer}很适合您。") if k.offer and k.topics else None,
        lambda k: (f"{k.offer}", f"您好，与您口味相近的顾客也喜欢{k.offer}，不妨来看看。") if k.offer else None,
        lambda k: ("也许您会喜欢", f"您好，我们为您挑选了{k.offer}，希望合您心意。") if k.offer else None,
    ],
    "ask_for_review": [
        lambda k: ("想听听您的感受", "您好，感谢您的购买。使用感受如何？期待您的评价。"),
        lambda k: ("请留下评价", "您好，您的几句评价对其他顾客很有帮助，谢谢。"),
    ],
}  # fmt: skip


FRESH_PERSONA: dict[str, list[Style]] = {
    "en": [
        lambda k: k.topics and f"This shopper tends to explore {k.list(k.topics, 2)} more than anything else in the range.",
        lambda k: k.bought and f"Since {k.since} the customer has placed {k.bought} order{'s' if k.bought > 1 else ''} with us.",
        lambda k: k.praises and f"Their comments are warm about {k.praises[0]}.",
        lambda k: k.complaints and f"The main complaint concerns {k.complaints[0]}.",
        lambda k: k.praises and k.complaints and f"Although pleased with {k.praises[0]}, the customer was disappointed by {k.complaints[0]}.",
        lambda k: k.level and f"Their satisfaction score stands at {k.score:.2f}, which is {k.level}.",
        lambda k: k.topics and f"Most of the activity relates to {k.topics[0]}.",
        lambda k: k.level == "high" and "The overall mood is good.",
        lambda k: k.topics and f"Someone with a clear preference for {k.topics[0]}, who also takes an interest in {k.list(k.topics[1:3])}." if len(k.topics) > 2 else None,
        lambda k: k.stage in ("active", "loyal") and f"An active shopper, first seen in {_month(k.since)} and most recently on {k.last}.",
        lambda k: k.complaints and "There is room to do better on " + k.list(k.complaints) + ".",
        lambda k: k.bought and k.reviewed and f"The record shows {k.bought} purchases and {k.reviewed} reviews." if (k.bought or 0) > 1 and (k.reviewed or 0) > 1 else None,
    ],
    "zh": [
        lambda k: k.topics and f"主要浏览和购买{k.list(k.topics, 2)}相关的商品。",
        lambda k: k.bought and f"自{k.since}以来，共下单{k.bought}次。",
        lambda k: k.praises and f"对{k.praises[0]}评价较好。",
        lambda k: k.complaints and f"主要的不满在于{k.complaints[0]}。",
        lambda k: k.praises and k.complaints and f"虽然认可{k.praises[0]}，但对{k.complaints[0]}感到失望。",
        lambda k: k.level and f"满意度为{k.score:.2f}，属于{ {'high': '较高', 'fair': '一般', 'low': '较低'}[k.level]}水平。",
        lambda k: k.topics and f"大部分互动都与{k.topics[0]}有关。",
        lambda k: k.level == "high" and "整体心情不错。",
        lambda k: k.topics and f"对{k.topics[0]}有明显偏好，也会留意{k.list(k.topics[1:3])}。" if len(k.topics) > 2 else None,
        lambda k: k.stage in ("active", "loyal") and f"活跃客户，最近一次出现在{int(k.last[5:7])}月{int(k.last[8:])}日。",
        lambda k: k.complaints and f"{k.list(k.complaints)}方面还有改善空间。",
    ],
}  # fmt: skip
FRESH_REASON: dict[str, list[Reason]] = {
    "en": [
        lambda title, like, category: like and f"We picked the {title} because it is close to the {like} you told us about.",
        lambda title, like, category: category and f"Since {category} is one of your interests, have a look at the {title}.",
        lambda title, like, category: f"The {title} is a favourite among our customers at the moment.",
        lambda title, like, category: category and f"One more idea from the world of {category}.",
        lambda title, like, category: like and f"Fans of the {like} often enjoy this one too.",
    ],
    "zh": [
        lambda title, like, category: like and f"因为您评价过{like}，我们想到了{title}。",
        lambda title, like, category: category and f"既然您对{category}感兴趣，可以看看{title}。",
        lambda title, like, category: f"{title}是近期顾客们的心头好。",
        lambda title, like, category: category and f"{category}领域的又一个好选择。",
        lambda title, like, category: like and f"喜欢{like}的顾客往往也喜欢这一款。",
    ],
}  # fmt: skip
FRESH_COPY: dict[str, list[Copy]] = {
    "en": [
        lambda k: ("A small thank you note", "Hello, your support means a lot to our team. Thank you.") if k.action == "reward" else None,
        lambda k: ("We are listening", f"Hello, we are sorry that {k.trouble} caused you trouble. Tell us more, and we will do our best to help.") if k.action == "recover_service" and k.trouble else None,
        lambda k: ("Long time no see", "Hello, we noticed that you have not stopped by for a while. We would love to see you again soon.") if k.action == "win_back" else None,
        lambda k: ("Nice to meet you", "Hello, thank you for your first visit. Feel free to ask us anything about our range.") if k.action == "welcome" else None,
        lambda k: (f"For your love of {k.topics[0]}", f"Hello, the {k.offer} caught our eye, and we thought of you.") if k.action == "cross_sell" and k.offer and k.topics else None,
        lambda k: ("Have you seen this?", f"Hello, we believe the {k.offer} would go nicely with what you already have.") if k.action == "cross_sell" and k.offer else None,
    ],
    "zh": [
        lambda k: ("感谢有您", "您好，感谢您一直支持我们，您的信任对我们非常重要。") if k.action == "reward" else None,
        lambda k: ("我们在听", f"您好，{k.trouble}没能让您满意，我们很抱歉。请告诉我们更多细节，我们会尽力改进。") if k.action == "recover_service" and k.trouble else None,
        lambda k: ("好久没见", "您好，有阵子没见到您了，欢迎有空再来看看。") if k.action == "win_back" else None,
        lambda k: ("初次见面", "您好，感谢您的首次光临，有问题随时问我们。") if k.action == "welcome" else None,
        lambda k: (f"关于{k.topics[0]}的新选择", f"您好，看到{k.offer}时我们想到了您。") if k.action == "cross_sell" and k.offer and k.topics else None,
        lambda k: ("您看过这款吗？", f"您好，我们相信{k.offer}会和您已有的东西很搭。") if k.action == "cross_sell" and k.offer else None,
    ],
}  # fmt: skip


def honest(document: Document, language: str) -> list[Honest]:
    """Every honest output about a document: those of single styles, and personas of two or three sentences joined."""
    known = Known(document, language)
    found: list[Honest] = []

    def add(text: Any, kind: str, style: str, number: int) -> None:
        if text:
            part = "fresh" if "fresh" in style else PARTS[number % 2]
            found.append(Honest(text, kind, style, part, document))

    for number, persona in enumerate(PERSONA_ZH if language == "zh" else PERSONA_EN):
        add(persona(known), "persona", f"{language} persona {number}", number)
    for number, persona in enumerate(FRESH_PERSONA[language]):
        add(persona(known), "persona", f"{language} fresh persona {number}", number)
    singles = list(found)
    for number, part in enumerate(PARTS):
        own = [each.text for each in singles if each.part == part]
        space = "" if language == "zh" else " "
        for size in (2, 3):
            if len(own) >= size:
                add(
                    space.join(own[:size]),
                    "persona",
                    f"{language} {'fresh ' * (part == 'fresh')}persona of {size}",
                    number,
                )
    for title, like, category in _offers(known):
        for number, reason in enumerate(REASON_ZH if language == "zh" else REASON_EN):
            add(reason(title, like, category), "reason", f"{language} reason {number}", number)
        for number, reason in enumerate(FRESH_REASON[language]):
            add(reason(title, like, category), "reason", f"{language} fresh reason {number}", number)
    copies = COPY_ZH if language == "zh" else COPY_EN
    for number, copy in enumerate(copies.get(known.action, []) if known.channel else []):
        if said := copy(known):
            add(said[0], "subject", f"{language} subject of {known.action} {number}", number)
            add(said[1], "message", f"{language} message of {known.action} {number}", number)
    for number, copy in enumerate(FRESH_COPY[language] if known.channel else []):
        if said := copy(known):
            add(said[0], "subject", f"{language} fresh subject {number}", number)
            add(said[1], "message", f"{language} fresh message {number}", number)
    return found
