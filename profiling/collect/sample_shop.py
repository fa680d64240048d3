"""The hidden world behind the sample: what a made-up shop sells, and who its customers really are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

ASPECTS = ("delivery", "price", "quality", "service", "packaging")
AGE_GROUPS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
CITIES = {
    "en": ("Seattle", "Austin", "Chicago", "Boston", "Denver", "Portland"),
    "zh": ("Shanghai", "Beijing", "Shenzhen", "Chengdu", "Hangzhou", "Xi'an"),
}
_SHARES = {2: (0.65, 0.35), 3: (0.55, 0.28, 0.17)}  # of a customer's attention, best taste first
CHURNED, CHINESE, NEWCOMERS = 0.20, 0.30, 0.15


@dataclass(frozen=True)
class Category:
    """One kind of goods, in English and Chinese: what people do with it, two brands, products with a price in USD."""

    hobby: tuple[tuple[str, ...], tuple[str, ...]]
    brands: tuple[tuple[str, str], tuple[str, str]]
    products: tuple[tuple[str, str, float], ...]


CATEGORIES = {
    "coffee": Category(
        (
            ("slow pour-over coffee on Sunday", "espresso at home", "a strong morning coffee"),
            ("周末手冲咖啡", "在家做意式浓缩", "早上来一杯浓咖啡"),
        ),
        (("Harbor Roast", "港湾烘焙"), ("Bluebean", "蓝豆")),
        (
            ("coffee beans", "咖啡豆", 18.0), ("coffee grinder", "咖啡磨豆机", 79.0), ("espresso machine", "意式咖啡机", 349.0),
            ("pour-over kettle", "手冲壶", 54.0), ("milk frother", "奶泡机", 36.0), ("coffee filters", "咖啡滤纸", 7.5),
        ),
    ),
    "tea": Category(
        (
            ("a quiet afternoon tea", "tasting green tea from every spring", "brewing oolong the slow way"),
            ("享受下午茶", "每年春天品新茶", "慢慢泡一壶乌龙茶"),
        ),
        (("Misty Peak", "云岭"), ("Leaf & Stone", "叶石")),
        (
            ("green tea", "绿茶", 16.0), ("oolong tea", "乌龙茶", 22.0), ("clay teapot", "紫砂壶", 68.0),
            ("tea tray", "茶盘", 42.0), ("tasting cups", "品茗杯", 24.0), ("tea caddy", "茶叶罐", 19.0),
        ),
    ),
    "running": Category(
        (
            ("marathon training", "early morning runs", "trail running in the hills"),
            ("马拉松训练", "清晨跑步", "山里越野跑"),
        ),
        (("Swiftline", "捷行"), ("Northpace", "北步")),
        (
            ("running shoes", "跑鞋", 119.0), ("running shorts", "跑步短裤", 34.0), ("running socks", "跑步袜", 12.0),
            ("running watch", "跑步手表", 229.0), ("running belt", "跑步腰包", 22.0), ("foam roller", "泡沫轴", 27.0),
        ),
    ),
    "camping": Category(
        (
            ("camping by the lake", "weekends in a tent with the kids", "cooking over a campfire"),
            ("湖边露营", "周末带孩子搭帐篷", "营地生火做饭"),
        ),
        (("Pinehollow", "松谷"), ("Trailkeep", "守径")),
        (
            ("camping tent", "露营帐篷", 189.0), ("sleeping bag", "睡袋", 88.0), ("camping stove", "露营炉", 49.0),
            ("camping lantern", "露营灯", 31.0), ("folding chair", "折叠椅", 39.0), ("cooler box", "保温箱", 74.0),
        ),
    ),
    "gardening": Category(
        (
            ("growing tomatoes on the balcony", "my little rose garden", "raising vegetables from seed"),
            ("阳台种番茄", "打理我的小玫瑰园", "从种子开始种菜"),
        ),
        (("Greenthumb Lane", "绿手指"), ("Soil & Sun", "土与阳")),
        (
            ("garden shears", "园艺剪刀", 28.0), ("flower seeds", "花种子", 6.0), ("watering can", "浇水壶", 23.0),
            ("raised planter", "种植箱", 64.0), ("potting soil", "营养土", 14.0), ("garden gloves", "园艺手套", 11.0),
        ),
    ),
    "photography": Category(
        (
            ("street photography", "taking portraits of my family", "photographing birds at dawn"),
            ("街头摄影", "给家人拍人像", "清晨拍鸟"),
        ),
        (("Optara", "光域"), ("Stillframe", "静帧")),
        (
            ("camera lens", "相机镜头", 399.0), ("camera tripod", "相机三脚架", 92.0), ("camera bag", "相机包", 66.0),
            ("memory card", "存储卡", 25.0), ("lens filter", "镜头滤镜", 33.0), ("camera strap", "相机背带", 21.0),
        ),
    ),
    "audio": Category(
        (
            ("listening to jazz records", "podcasts on the way to work", "making music in my bedroom"),
            ("听爵士唱片", "上班路上听播客", "在卧室里做音乐"),
        ),
        (("Sonora", "声野"), ("Echovale", "回谷")),
        (
            ("wireless headphones", "无线耳机", 149.0), ("bluetooth speaker", "蓝牙音箱", 84.0), ("turntable", "黑胶唱机", 259.0),
            ("studio microphone", "录音麦克风", 129.0), ("audio cable", "音频线", 15.0), ("headphone stand", "耳机架", 29.0),
        ),
    ),
    "skincare": Category(
        (
            ("a calm evening skincare routine", "caring for dry skin in winter", "gentle care for sensitive skin"),
            ("晚上好好护肤", "冬天护理干燥的皮肤", "温和护理敏感肌"),
        ),
        (("Dewlight", "露光"), ("Calmora", "静肤")),
        (
            ("face cream", "面霜", 32.0), ("face serum", "精华液", 45.0), ("sunscreen", "防晒霜", 19.0),
            ("face cleanser", "洗面奶", 17.0), ("sheet masks", "面膜", 13.0), ("lip balm", "润唇膏", 6.5),
        ),
    ),
    "kitchen": Category(
        (
            ("baking sourdough bread", "cooking for friends", "quick dinners after work"),
            ("烤酸面包", "给朋友做饭", "下班后快手晚餐"),
        ),
        (("Copperleaf", "铜叶"), ("Hearth & Pan", "炉边")),
        (
            ("frying pan", "平底锅", 58.0), ("chef's knife", "主厨刀", 86.0), ("baking tray", "烤盘", 21.0),
            ("stand mixer", "厨师机", 299.0), ("cutting board", "砧板", 35.0), ("kitchen scale", "厨房秤", 24.0),
        ),
    ),
    "pets": Category(
        (
            ("long walks with my dog", "spoiling my two cats", "training our puppy"),
            ("每天遛狗", "宠我家的两只猫", "训练家里的小狗"),
        ),
        (("Pawfield", "爪园"), ("Whisker House", "须须屋")),
        (
            ("dog food", "狗粮", 44.0), ("cat litter", "猫砂", 18.0), ("cat tree", "猫爬架", 96.0),
            ("dog leash", "牵引绳", 23.0), ("pet bed", "宠物窝", 52.0), ("cat toys", "猫玩具", 9.0),
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One article; `product` and `brand` in English and Chinese, `price_usd` on the first day."""

    item_id: str
    category: str
    product: tuple[str, str]
    brand: tuple[str, str]
    price_usd: float

    @property
    def title(self) -> str:
        return f"{self.brand[0]} {self.product[0]} / {self.brand[1]}{self.product[1]}"


@dataclass(frozen=True)
class Customer:
    """Who a customer really is.

    Attributes:
        tastes: two or three categories, the best liked first; `shares` are the parts of attention they get.
        rhythm_days: mean days between purchases.
        satisfaction: 0 to 1, in the middle of the period; `trend` is its change over the period.
        churned_on: the first day of silence, if any.
    """

    identifier: str
    language: str
    tastes: tuple[str, ...]
    rhythm_days: float
    joined_on: date
    churned_on: date | None
    satisfaction: float
    trend: float
    likes: tuple[str, ...]
    dislikes: tuple[str, ...]
    age_group: str
    city: str
    sex: str
    consents: tuple[tuple[str, str], ...]
    withdrawals: tuple[tuple[str, date], ...]

    @property
    def email(self) -> str:
        return f"{self.identifier.lower()}@example.com"

    @property
    def shares(self) -> tuple[float, ...]:
        return _SHARES[len(self.tastes)]

    def satisfaction_at(self, progress: float) -> float:
        """0 to 1, `progress` being the part of the period gone by."""
        return min(1.0, max(0.0, self.satisfaction + self.trend * (progress - 0.5)))


def items() -> list[Item]:
    """The 120 articles, the second brand of each category a quarter dearer."""
    shop: list[Item] = []
    for category, goods in CATEGORIES.items():
        for brand, factor in zip(goods.brands, (1.0, 1.25), strict=True):
            for english, chinese, price in goods.products:
                number = len(shop) + 1
                shop.append(Item(f"I{number:04d}", category, (english, chinese), brand, round(price * factor, 2)))
    return shop


def population(count: int, days: Sequence[date], seed: int) -> list[Customer]:
    """`count` customers; the shares of churned and Chinese ones and of newcomers are exact, who it is drawn."""
    rng = np.random.default_rng([seed, 1])

    def chosen(share: float) -> set[int]:
        return {int(number) for number in rng.permutation(count)[: round(share * count)]}

    chinese, churned = chosen(CHINESE), chosen(CHURNED)
    newcomers = chosen(NEWCOMERS) - churned
    return [
        _customer(
            number,
            days,
            np.random.default_rng([seed, 2, number]),
            number in chinese,
            number in churned,
            number in newcomers,
        )
        for number in range(count)
    ]


def _customer(
    number: int, days: Sequence[date], rng: np.random.Generator, is_chinese: bool, is_churned: bool, is_newcomer: bool
) -> Customer:
    language = "zh" if is_chinese else "en"
    aspects = [ASPECTS[place] for place in rng.permutation(len(ASPECTS))]
    long_ago = days[0] - timedelta(days=int(rng.integers(30, 900)))
    # Late enough to be known before, early enough to be missed by the end.
    churned_on = days[0] + timedelta(days=int(rng.uniform(0.25, 0.65) * len(days)))
    lately = days[0] + timedelta(days=int(rng.uniform(0.1, 0.6) * len(days)))
    joined_on = lately if is_newcomer else long_ago
    consents = tuple(
        (purpose, "granted" if rng.random() < share else "withdrawn")
        for purpose, share in (("marketing_email", 0.7), ("marketing_sms", 0.4))
    )
    taken_back_on = max(joined_on, days[0]) + timedelta(days=int(rng.uniform(0.2, 0.95) * len(days)))
    withdrawals = tuple(
        (purpose, taken_back_on) for purpose, status in consents if status == "granted" and rng.random() < 0.08
    )
    return Customer(
        identifier=f"C{number + 1:04d}",
        language=language,
        tastes=tuple(str(name) for name in rng.choice(list(CATEGORIES), size=int(rng.integers(2, 4)), replace=False)),
        rhythm_days=round(float(rng.uniform(5, 30)), 1),
        joined_on=joined_on,
        churned_on=churned_on if is_churned else None,
        satisfaction=round(float(rng.beta(2.2, 1.4)), 3),
        trend=float(rng.choice([-0.4, 0.0, 0.4], p=[0.2, 0.6, 0.2])),
        likes=tuple(aspects[: int(rng.integers(1, 3))]),
        dislikes=tuple(aspects[-int(rng.integers(1, 3)) :]),
        age_group=str(rng.choice(AGE_GROUPS)),
        city=str(rng.choice(CITIES[language])),
        sex=str(rng.choice(["female", "male"])),
        consents=consents,
        withdrawals=withdrawals,
    )
