"""What the sample's customers say: phrases in English and Chinese, joined so that taste, aspects and mood shine through.

English phrases use `{thing}` where singular and plural both fit.
"""

from collections.abc import Sequence

import numpy as np

from profiling.collect.sample_shop import CATEGORIES, Customer, Item

Phrases = dict[str, tuple[str, ...]]

_OPENINGS: dict[str, Phrases] = {
    "en": {
        "good": (
            "I love the {thing}.", "Could not be happier with the {thing} I bought.", "What a great find!",
            "Exactly what I was hoping for.", "The {brand} {thing} made my week.",
            "I use the {thing} every single day now.",
            "Wonderful, simply wonderful.", "My third order here and once again I am delighted.",
            "After two weeks with the {thing} I am still impressed.",
            "A friend told me about the {brand} {thing}, and she was right.",
        ),
        "fair": (
            "The {thing} did the job, no more and no less.", "I have mixed feelings about the {thing}.",
            "Not bad, not great.",
            "An average buy.", "The {brand} {thing} came close to what I wanted.",
            "I expected a little more from the {thing}.",
        ),
        "bad": (
            "I am really disappointed with the {thing}.", "Sadly the {thing} let me down.",
            "I regret buying the {brand} {thing}.",
            "Would not buy the {thing} again.", "What a waste of money.", "I wanted to like the {thing}, but no.",
            "Terrible experience from start to finish.", "The {thing} failed me after a few days.",
        ),
    },
    "zh": {
        "good": (
            "{thing}太喜欢了。", "这款{brand}{thing}非常满意。", "真是买对了！", "和我期待的一模一样。",
            "现在{thing}每天都在用。",
            "非常棒，强烈推荐{thing}。", "第三次在这家店下单，依然很惊喜。", "用了两个星期，{thing}还是让我很满意。",
            "朋友推荐的{brand}{thing}，果然没错。",
        ),
        "fair": (
            "{thing}还行，中规中矩。", "对{thing}的感觉比较复杂。", "说不上好，也说不上差。",
            "{brand}{thing}和想象中有点差距。",
            "一般般，能用而已。", "本来对{thing}期待更高一些。",
        ),
        "bad": (
            "对{thing}非常失望。", "{thing}真的很差，后悔买了。", "不会再买{brand}{thing}了。", "白花钱了。",
            "{thing}用了几天就坏了。",
            "从头到尾都是糟糕的体验。", "很想喜欢{thing}，可惜太让人失望。", "这次购物太不愉快了。",
        ),
    },
}  # fmt: skip

_TASTES: dict[str, tuple[str, ...]] = {
    "en": (
        "Perfect for {hobby}.", "I bought the {thing} for {hobby}.", "Anyone who enjoys {hobby} will understand.",
        "These days {hobby} is what I live for, so I looked for a good {category} brand.",
        "It all started with {hobby}.",
        "My plan is more {hobby} this year.",
    ),
    "zh": (
        "很适合{hobby}。", "买{thing}就是为了{hobby}。", "喜欢{hobby}的人都会懂。",
        "最近迷上了{hobby}，所以挑了很久的{thing}。",
        "今年打算多花时间{hobby}。", "平时最大的爱好就是{hobby}。",
    ),
}  # fmt: skip

_ASPECTS: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "en": {
        "delivery": {
            "good": (
                "Delivery was fast, two days and it stood at my door.",
                "Shipping was quick and the courier was careful.",
                "The parcel arrived a day early, excellent delivery.", "Great delivery, tracked all the way.",
            ),
            "bad": (
                "Delivery took far too long.", "The shipping was slow and nobody told me why.",
                "The parcel arrived a week late, awful delivery.",
                "The courier left the parcel in the rain, very bad delivery.",
            ),
        },
        "price": {
            "good": (
                "The price is more than fair.", "Great value for the price.",
                "Good price, I have seen it much dearer elsewhere.",
                "For this price I am happy to order again.",
            ),
            "bad": (
                "The price is simply too high.", "Overpriced for what you get.",
                "A bad price, I found it cheaper two days later.",
                "For this price I expected much better.",
            ),
        },
        "quality": {
            "good": (
                "The quality is excellent.", "Well made, the material feels solid.", "Great quality, built to last.",
                "You notice the good quality at once.",
            ),
            "bad": (
                "The quality is poor.", "It feels cheap and the material is bad.",
                "Bad quality, it broke almost at once.",
                "The finish is sloppy, terrible quality.",
            ),
        },
        "service": {
            "good": (
                "Customer service answered within minutes, very friendly.", "The support team was wonderful.",
                "Great service, they helped me choose the right one.", "Kind and helpful service.",
            ),
            "bad": (
                "Customer service never answered my messages.", "The support team was rude.",
                "Terrible service, I was sent from one person to the next.",
                "Useless service, nobody felt responsible.",
            ),
        },
        "packaging": {
            "good": (
                "The packaging was lovely and without plastic.", "Beautiful packaging, good enough for a gift.",
                "Well packed, nothing was damaged.", "The box was neat and easy to open, nice packaging.",
            ),
            "bad": (
                "The packaging was torn when it came.", "Bad packaging, one corner was crushed.",
                "Far too much plastic in the packaging, I hate that.", "The box was damaged and badly packed.",
            ),
        },
    },
    "zh": {
        "delivery": {
            "good": (
                "物流很快，两天就到了。", "发货迅速，快递员也很细心。", "包裹提前一天送到，物流很棒。",
                "配送很快，全程都能查到。",
            ),
            "bad": (
                "物流太慢了，等了很久。", "发货很慢，也没人解释原因。", "包裹晚到了一个星期，物流很差。",
                "快递把包裹扔在雨里，配送太差了。",
            ),
        },
        "price": {
            "good": (
                "价格很实惠。", "性价比很高，价格公道。", "价格比别家便宜不少，很划算。",
                "这个价格非常值，还会再买。",
            ),
            "bad": (
                "价格实在太贵了。", "这个价格不值。", "价格虚高，过两天就在别处看到更便宜的。",
                "价格这么贵，东西却不怎么样，太差了。",
            ),
        },
        "quality": {
            "good": ("质量非常好。", "做工精细，质量扎实。", "质量很棒，很耐用。", "一上手就能感觉到质量好。"),
            "bad": (
                "质量很差。", "做工粗糙，质量太差了。", "质量不行，没几天就坏了。", "材料感觉很廉价，质量让人失望。",
            ),
        },
        "service": {
            "good": (
                "客服几分钟就回复了，态度很好。", "售后服务非常贴心。", "服务很好，耐心帮我挑选。",
                "客服热情，服务周到。",
            ),
            "bad": (
                "客服一直不回消息。", "售后服务态度很差。", "服务太糟糕，问题推来推去没人管。",
                "客服敷衍，服务让人失望。",
            ),
        },
        "packaging": {
            "good": (
                "包装很精美，没有多余的塑料。", "包装漂亮，送人也合适。", "包装很严实，一点没有损坏。",
                "盒子整洁好拆，包装很用心。",
            ),
            "bad": (
                "收到时包装已经破了。", "包装很差，一个角压坏了。", "包装用了太多塑料，很不喜欢。",
                "盒子变形，包装太差了。",
            ),
        },
    },
}  # fmt: skip

_TURNS = {
    "en": ("Only one thing: ", "One complaint though: ", "But: "),
    "zh": ("唯一的不足：", "不过有一点：", "但是，"),
}

_CLOSINGS: dict[str, Phrases] = {
    "en": {
        "good": (
            "Highly recommended.", "Thank you!", "I will order again soon.", "Five stars from me.", "Keep it up!",
        ),
        "fair": ("We will see how long it lasts.", "It is okay for now.", "Maybe the next version is better."),
        "bad": (
            "I want my money back.", "Never again.", "Please do better.", "I am sending the {thing} back.",
            "Very annoying.",
        ),
    },
    "zh": {
        "good": ("强烈推荐。", "谢谢店家！", "下次还会再来。", "五星好评。", "希望继续保持！"),
        "fair": ("看看能用多久吧。", "暂时先这样用着。", "希望下一代更好。"),
        "bad": ("我要退款。", "再也不来了。", "希望你们改进。", "已经申请退货。", "真的很生气。"),
    },
}  # fmt: skip

_POSTS = {
    "en": (
        "Weekend plan: {hobby}. Who else?", "Nothing beats {hobby} after a long week.",
        "Got a new {thing} today, now more {hobby}!",
        "Does anyone have tips for {hobby}? So far I own one {brand} article.",
        "Thinking a lot about {hobby} lately.",
        "Two years ago I knew nothing about {category}. Today {hobby} is my favourite part of the day.",
        "Finally tried the {brand} {thing}. More about it soon.", "Which {thing} would you take for {hobby}?",
        "Small joys: {hobby}, good weather and no phone.",
        "My friends say I talk too much about {hobby}. They are right.",
    ),
    "zh": (
        "周末计划：{hobby}，有人一起吗？", "忙了一周，没有什么比{hobby}更放松。",
        "今天到手了新的{thing}，正好用来{hobby}！",
        "关于{hobby}，大家有什么建议吗？", "最近满脑子都是{hobby}。",
        "两年前我还什么都不懂，现在{hobby}是一天里最开心的事。",
        "终于试了{brand}的{thing}，过几天再说感受。", "想要{hobby}，选哪种{thing}比较好？",
        "小确幸：{hobby}，好天气，不看手机。",
        "朋友说我聊{hobby}聊得太多了，确实如此。",
    ),
}  # fmt: skip

_QUESTIONS = {
    "en": (
        "Hello, is there a guarantee on the {brand} {thing}?",
        "Hi, I use it for {hobby}: which {thing} do you suggest?",
        "Good morning, when will the {thing} be back in stock?",
        "Hello, can I change the address of my order of the {thing}?",
        "Hi there, would the {thing} make a good gift for someone who likes {hobby}?",
        "Could you tell me how to clean the {thing}?",
    ),
    "zh": (
        "你好，请问{brand}{thing}有保修吗？", "您好，我主要是{hobby}，推荐哪款{thing}？", "请问{thing}什么时候有货？",
        "你好，我订的{thing}可以改收货地址吗？", "想送给喜欢{hobby}的朋友，{thing}合适吗？",
        "请问{thing}应该怎么清洗？",
    ),
}  # fmt: skip
_COMPLAINTS = {
    "en": (
        "Hello, I have to complain about my order of the {thing}.",
        "I am writing because I am unhappy with the {brand} {thing}.",
        "This is the second time I have trouble with the {thing}.", "Dear team, my last order was a bad experience.",
    ),
    "zh": (
        "你好，我要投诉上次买的{thing}。", "写信是因为对{brand}{thing}很不满意。", "这已经是第二次{thing}出问题了。",
        "您好，上次购物的体验很糟糕。",
    ),
}  # fmt: skip

_SEARCHES = {
    "en": (
        "{thing}", "best {thing}", "{brand} {thing}", "{thing} for {hobby}", "cheap {thing}", "{thing} gift idea",
        "{thing} for beginners", "how to choose {thing}", "{category} accessories", "{hobby}", "{category} sale",
    ),
    "zh": (
        "{thing}", "{thing}推荐", "{brand}{thing}", "{hobby}用的{thing}", "{thing}便宜", "{thing}送礼",
        "{thing}新手入门",
        "{thing}怎么选", "{hobby}", "{brand}新品",
    ),
}  # fmt: skip

PERSONAL = {
    "en": {
        "email": ("You can write to me at {it}.", "My address is {it}, please answer there."),
        "phone": ("Please call me on {it}.", "My phone number is {it}."),
        "card": ("My card {it} was charged twice.", "I paid with card {it}."),
        "resident_id": ("For the invoice, my ID number is {it}.", "My resident ID {it} is on the order."),
    },
    "zh": {
        "email": ("请发邮件到{it}联系我。", "我的邮箱是{it}，请回复到那里。"),
        "phone": ("请打我电话{it}。", "我的手机号是{it}。"),
        "card": ("我的银行卡{it}被扣了两次款。", "我是用卡{it}付的款。"),
        "resident_id": ("开发票用，身份证号{it}。", "订单上的身份证号码是{it}。"),
    },
}
# Numbers the card networks publish for tests; they pass Luhn and belong to nobody.
_TEST_CARDS = (
    "4111111111111111", "5555555555554444", "4242424242424242", "6011111111111117", "4012888888881881",
    "5105105105105100",
)  # fmt: skip
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def review(customer: Customer, item: Item, rating: int, rng: np.random.Generator) -> str:
    """A review whose words fit its stars: mood, often the taste behind it, and aspects the customer cares about."""
    language = customer.language
    mood = "good" if rating >= 4 else "bad" if rating <= 2 else "fair"
    parts = [_pick(_OPENINGS[language][mood], rng)]
    if rng.random() < 0.6:
        parts.append(_pick(_TASTES[language], rng))
    parts += _aspects(customer, mood, rng)
    if rng.random() < 0.5:
        parts.append(_pick(_CLOSINGS[language][mood], rng))
    return _fill(parts, customer, item, rng)


def _aspects(customer: Customer, mood: str, rng: np.random.Generator) -> list[str]:
    phrases = _ASPECTS[customer.language]
    praise = _pick(phrases[_pick(customer.likes, rng)]["good"], rng)
    blame = _pick(phrases[_pick(customer.dislikes, rng)]["bad"], rng)
    if mood == "good":
        turn = _pick(_TURNS[customer.language], rng)
        return [praise, turn + _lowered(blame)] if rng.random() < 0.2 else [praise]
    if mood == "bad":
        return [blame]
    return [praise, blame] if rng.random() < 0.6 else [blame]


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def post(customer: Customer, item: Item, rng: np.random.Generator) -> str:
    """Something said in public about a taste."""
    return _fill([_pick(_POSTS[customer.language], rng)], customer, item, rng)


def search(customer: Customer, item: Item, rng: np.random.Generator) -> str:
    """A query about a taste."""
    return _fill([_pick(_SEARCHES[customer.language], rng)], customer, item, rng)


def email(customer: Customer, item: Item, is_complaint: bool, rng: np.random.Generator) -> str:
    """A complaint about what the customer dislikes, or a question."""
    language = customer.language
    if not is_complaint:
        return _fill([_pick(_QUESTIONS[language], rng)], customer, item, rng)
    blame = _pick(_ASPECTS[language][_pick(customer.dislikes, rng)]["bad"], rng)
    parts = [_pick(_COMPLAINTS[language], rng), blame, _pick(_CLOSINGS[language]["bad"], rng)]
    return _fill(parts, customer, item, rng)


def personal(language: str, rng: np.random.Generator) -> tuple[str, str, str]:
    """(type, what is planted, a sentence with it): fictional or reserved numbers only."""
    kinds = ("email", "phone", "card", "resident_id") if language == "zh" else ("email", "phone", "card")
    kind = _pick(kinds, rng)
    number = int(rng.integers(0, 100))
    if kind == "email":  # example.org is reserved, RFC 2606
        planted = f"{_pick(('li.na', 'sam.green', 'j_doe', 'mei-lin', 'pat'), rng)}{number}@example.org"
    elif kind == "phone" and language == "en":  # 555-0100 to 555-0199 are reserved for fiction
        planted = _pick(("+1 202-555-01{:02d}", "(202) 555-01{:02d}", "202-555-01{:02d}"), rng).format(number)
    elif kind == "phone":  # around the well-known dummy number 138 0013 8000
        planted = _pick(("138001380{:02d}", "138 0013 80{:02d}", "138-0013-80{:02d}"), rng).format(number)
    elif kind == "card":
        digits = _pick(_TEST_CARDS, rng)
        gap = _pick(("", " ", "-"), rng)
        planted = gap.join(digits[start : start + 4] for start in range(0, 16, 4))
    else:
        planted = resident_id(int(rng.integers(1900, 1910)), number)
    return kind, planted, _pick(PERSONAL[language][kind], rng).format(it=planted)


def resident_id(year: int, order: int) -> str:
    """A Chinese resident identity number with a valid check digit (GB 11643), of someone born on 1 January `year`.

    >>> resident_id(1900, 2)
    '110101190001010022'
    """
    body = f"110101{year}0101{order:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _RESIDENT_WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def retyped(text: str, rng: np.random.Generator) -> str:
    """The same words with other punctuation or capitals, as sent a second time."""
    changes = (
        text.upper(),
        text.replace(".", "!").replace("。", "！"),
        text.lower() + " ...",
        text.rstrip(".。!！") + "!!",
    )
    candidates = [changed for changed in changes if changed != text]
    return _pick(candidates, rng)


def joined(parts: Sequence[str], language: str) -> str:
    """Sentences as running text."""
    return ("" if language == "zh" else " ").join(parts)


def _fill(parts: Sequence[str], customer: Customer, item: Item, rng: np.random.Generator) -> str:
    place = 1 if customer.language == "zh" else 0
    hobby = _pick(CATEGORIES[item.category].hobby[place], rng)
    filled = joined(parts, customer.language).format(
        thing=item.product[place], brand=item.brand[place], hobby=hobby, category=item.category
    )
    return filled[0].upper() + filled[1:] if parts[0].endswith((".", "!", "?")) else filled


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
