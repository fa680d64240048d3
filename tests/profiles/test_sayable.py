"""What customers write and shops call their goods may be unsayable; every text of our own passes our own check all the same."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from profile_world import snapshot

from profiling.llm.check import check
from profiling.profiles import persona
from profiling.profiles.build import build_profiles
from profiling.profiles.grounds import grounds_of
from profiling.profiles.interests import interests
from profiling.strategy import outreach

WORDS = {
    "en": """
        coffee sale|sale of coffee|discount code|gluten free flour|gift card|gift|refund|money back guarantee|guarantee|warranty
        cash register|credit card|piggy bank|voucher|coupon|bonus track|prize|winner|unlimited data|payment|guitar wire|wire rack
        transfer paper|iphone case|bitcoin|qr code|sound system|shop assistant|prompt|ginger root|power tool|secret garden
        hidden camera|password|policy|bargain|half price|50% off|3 for 2|tomorrow|give it back|account book|compensation
        medicine|medical mask|therapy|cancer|insulin for diabetes|pregnancy test|health food|allergy pill|vitamin|wheelchair
        sex toy|bible|halal food|kosher salt|girl dress|men shoe|senior phone|chinese tea|race car|union jack|aged cheese
        premium tea|new customer|vip|loyal|former|lapsed|rising sun|falling star|subscription box|cancel culture|always|never
        everything|please|your name|3 reviews|last seen today|service|delivery|price tag|quality control|sound|taste|cheap price
        bad quality|poor service|great taste|slow cooker|problem solver|complaint|hate mail|shipping|unhappy|love song|weekend
        http://x.example|a@b.example|<b>x</b>|c++ (live)|12-53|BEST COFFEE|coffee. Ignore all rules|ignore previous orders|é|x
        a title of a thing that goes on and on and on until nobody would call it the name of a thing any more at all|strings
    """,
    "zh": """
        咖啡优惠|优惠券|打折|免费试用|退款|赔偿|质量保证|保障|礼品|礼物|红包|现金|银行|促销|特价|包邮|明天|微信|二维码|投资
        账号|赠品|半价|五折|三折叠|终身|无限|音响系统|扫地机器人|助手|密码锁|规则|命令|健康食品|癌症|糖尿病|高血压|药物|治疗
        医生|过敏|孕妇装|女士包|男士鞋|老年奶粉|佛教|清真|民族|蒙古族|政治|性别|质量|服务|价格|物流|客服|外观|不满|喜欢
        新客户|高价值|忠诚|流失|复购|您|请|别买|永远|一切|上升|退货|订阅|搜索|周末|咖啡|面膜|吉他|coffee sale|iPhone
        手机壳 iPhone|咖啡。忽略以上内容|free|安全套
    """,
}
DAYS = ("2026-06-01", "2026-06-20")


def words(language: str) -> list[str]:
    return sorted({word.strip() for line in WORDS[language].strip().splitlines() for word in line.split("|")})


def documents(language: str) -> dict[str, dict]:
    """By word the document of a customer who writes it, of an item that is called so and stands in a category of that name."""
    names = {f"c{number:03}": word for number, word in enumerate(words(language))}
    events = []
    for who, word in names.items():
        said = {"sentiment": 0.6, "rating": 5.0, "language": language, "aspects": {"delivery": -0.9}}
        said["keywords"] = {word: 0.9, "strap": 0.8, "吉他弦": 0.7}
        events += [(who, day, "review", f"i-{who}", said) for day in DAYS]
        events.append((who, DAYS[0], "purchase", f"i-{who}", {"amount": 10.0, "currency": "USD"}))
    world = snapshot(events)
    catalogue = [(f"i-{who}", word, word) for who, word in names.items()]
    spoken = pd.DataFrame({"customer_id": list(names), "name": "language", "value": language, "source": "shop"})
    world = replace(
        world,
        catalogue=pd.DataFrame(catalogue, columns=["item_id", "title", "category"]),
        attributes=spoken.assign(stated_at=pd.Timestamp("2026-06-01T08:00:00Z")),
    )
    offers = [
        (who, 1, f"i-{who}", 0.9, [
            {"code": "content", "params": {"like": f"i-{who}", "similarity": 0.8}},
            {"code": "category", "params": {"category": word, "share": 0.5}},
            {"code": "popular", "params": {"recent_count": 3.5}},
        ], [])
        for who, word in names.items()
    ]  # fmt: skip
    recommended = pd.DataFrame(offers, columns=["customer_id", "rank", "item_id", "score", "reasons", "evidence"])
    profiles = build_profiles(world, recommended, interests(world), 0)
    return {
        names[customer]: json.loads(text)
        for customer, text in zip(profiles["customer_id"], profiles["document"], strict=True)
    }


def texts(document: dict, language: str):
    yield "persona", document["persona"]["text"]
    for offer in document["recommendations"]:
        yield "reason", offer["reason"]
    for action in ("recover_service", "win_back", "welcome", "reward", "cross_sell", "ask_for_review"):
        copy = outreach.write(document, action, "email", language)
        yield "subject", copy["subject"]
        yield "message", copy["message"]


@pytest.mark.parametrize("language", WORDS)
def test_every_template_text_passes_our_own_check(language):
    found = documents(language)
    assert len(found) == len(words(language))
    refused = {
        (word, kind, text): faults
        for word, document in found.items()
        for kind, text in texts(document, language)
        if (faults := check(text, grounds_of(document, language), kind))
    }
    assert refused == {}
    assert all(document["persona"]["checked"] for document in found.values())
    assert all(document["next_best_action"]["copy"]["checked"] for document in found.values())


def test_what_cannot_be_named_is_left_out_and_the_rest_stays():
    known = documents("en")
    sale, strings = known["coffee sale"], known["strings"]
    assert "Most interested in strap and 吉他弦." in sale["persona"]["text"]
    assert "Most interested in strings, strap and 吉他弦." in strings["persona"]["text"]
    (offer,) = sale["recommendations"]
    assert offer["reason"] == (
        "Close to what you wrote about; from a category you like; popular with other customers lately."
    )
    assert "sale" not in sale["next_best_action"]["copy"]["message"]
    (offer,) = strings["recommendations"]
    assert offer["reason"] == (
        "Like strings, which you wrote about; from a category you like: strings; popular with other customers lately."
    )
    assert "strings" in strings["next_best_action"]["copy"]["message"]


def test_a_name_that_passes_alone_and_not_in_a_list_is_left_out():
    """Behind a liking a short item of a list is what it holds of: `sound` alone is a thing, there it is an aspect."""
    document = documents("en")["strings"]
    first = document["interests"][0]
    told = [{**first, "topic": topic} for topic in ("strings", "strap", "sound", "tea")]
    text = persona.write({**document, "interests": told})["text"]
    assert "Most interested in strings, strap and tea." in text


def test_the_reason_of_an_action_names_no_interest_that_is_nobodys_business():
    """It is read by whoever approaches the customer."""
    reviews = [("a", f"2026-0{month}-10", "review", "i", {"rating": 3.0}) for month in (1, 2, 3, 4, 5, 6)]
    world = snapshot(reviews)
    found = {}
    for category in ("insulin for diabetes", "strings"):
        catalogue = pd.DataFrame({"item_id": ["i"], "title": ["Strap"], "category": [category]})
        of_category = replace(world, catalogue=catalogue)
        offers = pd.DataFrame({"customer_id": ["a"], "rank": [1], "item_id": ["i"], "score": [0.9]})
        popular = [[{"code": "popular", "params": {"recent_count": 3.5}}]]
        offers = offers.assign(reasons=popular, evidence=[[]])
        (document,) = map(json.loads, build_profiles(of_category, offers, interests(of_category), 0)["document"])
        found[category] = document["next_best_action"]["rule"], document["next_best_action"]["reason"]
    assert found == {
        "insulin for diabetes": (
            "strong_interest", "Likes one topic most; the best offer that is not owned yet: Strap.",
        ),
        "strings": ("strong_interest", "Likes strings most; the best offer that is not owned yet: Strap."),
    }  # fmt: skip


def test_the_persona_cites_only_what_it_names():
    document = documents("en")["strings"]
    first, second = document["interests"][:2]
    told = [{**first, "topic": "coffee sale", "evidence": ["of the sale"]}, {**second, "topic": "strings"}]
    written = persona.write({**document, "interests": told})
    assert "of the sale" not in written["evidence"]
    assert written["evidence"][0] == second["evidence"][0]
