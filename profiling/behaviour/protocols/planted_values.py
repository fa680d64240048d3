"""Made-up values for the templates of `redaction`: personal data that passes its checks, and numbers that only look like it.

Nobody's: drawn by seed from ranges and pools of this file, which the finders' lexicons were not made from.
"""

import random
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address

from stdnum import ean, luhn
from stdnum.cn import ric
from stdnum.iso7064 import mod_97_10

Draw = Callable[[random.Random, str], str]

_GIVEN = (
    "Margaret", "Desmond", "Priya", "Oluwaseun", "Siobhan", "Mateusz", "Karen", "Tyrone", "Ingrid", "Rahul",
    "Beatriz", "Colin", "Yuki", "Fatima", "Gregory", "Lucille", "Hamish", "Agnieszka", "Dwayne", "Noor", "Rosalind",
    "Trevor", "Xiomara", "Edith", "Bartholomew", "Chloe", "Marcus", "Nadia", "Wendell", "Saoirse", "Jonas", "Miriam",
    "Kevin", "Leila",
)  # fmt: skip
_SURNAMES = (
    "Whitcombe", "Okafor", "Nowak", "Ramirez", "Lindqvist", "Patel", "Fitzgerald", "Tanaka", "Haddad", "Kowalczyk",
    "Abernathy", "Desrosiers", "Muller", "Ferreira", "Ogden", "O'Connor", "Banerjee", "Castellanos", "Holloway",
    "Petrov", "Mbeki", "Thorne", "Vasquez", "Gallagher", "Ito", "Sorensen", "Baptiste", "McAllister", "Young",
    "Baker",
)  # fmt: skip
_TITLES = ("Mr.", "Mrs.", "Ms.", "Dr.", "Mr", "Ms")
_STREETS = (
    "Maple Avenue", "Old Mill Road", "Kingsway Drive", "Harbour Street", "Elm St", "Chestnut Lane", "W 42nd St", "Pinecrest Blvd",
    "Station Road", "Victoria Terrace", "Sunset Court", "Rosewood Close",
)  # fmt: skip
_CITIES_US = (
    ("Dayton", "OH"),
    ("Portland", "OR"),
    ("Austin", "TX"),
    ("Boise", "ID"),
    ("Santa Rosa", "CA"),
    ("Albany", "NY"),
)
_CITIES_UK = (("Leeds", "LS"), ("Bristol", "BS"), ("Norwich", "NR"), ("Cardiff", "CF"), ("York", "YO"))
_HOSTS = ("example.com", "mail.example.org", "example.co.uk", "example.net", "post.example.cn")
_ZH_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_ZH_COMPOUND = ("欧阳", "司马", "上官", "诸葛")
_ZH_GIVEN = "伟芳娜敏静秀丽强磊军洋勇艳杰涛明超霞平刚桂英华玉兰建国文博子涵欣怡浩然雨轩梓晨思远嘉琪志鹏晓燕"
_ZH_PLACES = (
    ("北京市朝阳区", ("建国路", "望京西路")), ("上海市浦东新区", ("世纪大道", "张杨路")),
    ("广东省深圳市南山区", ("科苑路", "后海大道")),
    ("浙江省杭州市西湖区", ("文三路", "天目山路")), ("四川省成都市武侯区", ("人民南路四段", "科华北路")),
    ("江苏省南京市鼓楼区", ("中山北路", "汉口路")),
    ("湖北省武汉市洪山区", ("珞喻路", "雄楚大道")), ("陕西省西安市雁塔区", ("小寨东路", "科技二路")),
)  # fmt: skip
_ZH_ESTATES = ("阳光花园", "锦绣家园", "翠湖小区", "金色港湾")
_HEX, _URLSAFE = "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_PLATE_PLACES, _PLATE = "京沪粤苏浙鲁川鄂湘豫冀闽辽陕", "ABCDEFGHJKLMNPQRSTUVWXYZ"


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _letters(rng: random.Random, count: int, of: str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ") -> str:
    return "".join(rng.choice(of) for _ in range(count))


def _grouped(text: str, size: int = 4) -> str:
    return " ".join(text[at : at + size] for at in range(0, len(text), size))


def _name(rng: random.Random, language: str) -> str:
    if language == "zh":
        first = rng.choice(_ZH_COMPOUND) if rng.random() < 0.05 else rng.choice(_ZH_SURNAMES)
        return first + _letters(rng, rng.choice((1, 2, 2)), _ZH_GIVEN)
    return f"{rng.choice(_GIVEN)} {rng.choice(_SURNAMES)}"


def _surname(rng: random.Random, language: str) -> str:
    return rng.choice(_ZH_SURNAMES) if language == "zh" else rng.choice(_SURNAMES)


def _email(rng: random.Random, language: str) -> str:
    given, family = rng.choice(_GIVEN).lower(), rng.choice(_SURNAMES).lower().replace("'", "")
    local = rng.choice(
        (
            f"{given}.{family}",
            f"{given}{rng.randint(1, 99)}",
            f"{given[0]}{family}",
            f"{family}+shop",
            f"{given}_{family}",
        )
    )
    return f"{local}@{rng.choice(_HOSTS)}"


def _phone(rng: random.Random, language: str) -> str:
    if language == "zh":
        mobile = f"1{rng.choice(('38', '59', '86', '35', '77'))}{_digits(rng, 8)}"
        landline = f"{rng.choice(('010', '021', '0755'))}-{rng.randint(2, 8)}{_digits(rng, 7)}"
        forms = (
            mobile,
            mobile,
            f"{mobile[:3]} {mobile[3:7]} {mobile[7:]}",
            f"{mobile[:3]}-{mobile[3:7]}-{mobile[7:]}",
            f"+86 {mobile}",
            landline,
        )
        return rng.choice(forms)
    area, line = rng.choice(("212", "415", "614", "303", "503")), _digits(rng, 4)
    exchange = f"{rng.randint(2, 9)}{rng.randint(2, 9)}{rng.randint(0, 9)}"
    return rng.choice(
        (f"({area}) {exchange}-{line}", f"{area}-{exchange}-{line}", f"{area}.{exchange}.{line}", f"+1 {area} {exchange} {line}",
         f"{area}{exchange}{line}", f"07{rng.choice(('700', '911', '400'))} {_digits(rng, 6)}", f"+44 7911 {_digits(rng, 6)}",
         f"020 7{_digits(rng, 3)} {_digits(rng, 4)}", f"+49 30 {rng.randint(2, 9)}{_digits(rng, 6)}")
    )  # fmt: skip


def _card(rng: random.Random, language: str) -> str:
    prefix, length = rng.choice((("4", 16), ("52", 16), ("37", 15), ("6222", 19) if language == "zh" else ("6011", 16)))
    number = prefix + _digits(rng, length - len(prefix) - 1)
    number += luhn.calc_check_digit(number)
    return rng.choice((number, _grouped(number), _grouped(number).replace(" ", "-")))


def _iban(rng: random.Random, language: str) -> str:
    country, bban = rng.choice(
        (("DE", rng.choice(("10070000", "37040044", "50010517")) + _digits(rng, 10)), ("GB", "NWBK" + "601613" + _digits(rng, 8)),
         ("NL", "ABNA" + _digits(rng, 10)), ("AT", "12000" + _digits(rng, 11)), ("CH", "00762" + _digits(rng, 12)))
    )  # fmt: skip
    found = country + mod_97_10.calc_check_digits(bban + country) + bban
    return rng.choice((found, _grouped(found)))


def _ip(rng: random.Random, language: str) -> str:
    if rng.random() < 0.3:
        return str(IPv6Address((0x20010DB8 << 96) + rng.getrandbits(80)))
    return f"{rng.choice((81, 203, 91, 118, 46))}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"


def _secret(rng: random.Random, language: str) -> str:
    return rng.choice(
        (_letters(rng, 32, _HEX), _letters(rng, 43, _URLSAFE), _letters(rng, 20, _URLSAFE) + "%3D", _digits(rng, 12))
    )


def _userinfo(rng: random.Random, language: str) -> str:
    return f"{rng.choice(_GIVEN).lower()}:{_letters(rng, 9, _URLSAFE)}"


def _resident_id(rng: random.Random, language: str) -> str:
    place = rng.choice(("110105", "310115", "440305", "330106", "510107"))
    number = f"{place}{rng.randint(1950, 2004)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{_digits(rng, 3)}"
    return number + ric.calc_check_digit(number + "0")


def _passport(rng: random.Random, language: str) -> str:
    if language == "zh":
        return rng.choice((f"E{_digits(rng, 8)}", f"E{rng.choice('ABCDE')}{_digits(rng, 7)}", f"G{_digits(rng, 8)}"))
    return rng.choice((_digits(rng, 9), f"{_letters(rng, 1)}{_digits(rng, 8)}", f"{_letters(rng, 2)}{_digits(rng, 7)}"))


def _plate(rng: random.Random, language: str) -> str:
    if language == "zh":
        place = rng.choice(_PLATE_PLACES) + rng.choice("ABCEF")
        tail = rng.choice((_digits(rng, 5), rng.choice(_PLATE) + _digits(rng, 4), "D" + _digits(rng, 5)))
        return place + rng.choice(("", "·")) + tail
    return rng.choice(
        (f"{_letters(rng, 2, _PLATE)}{rng.randint(51, 74)} {_letters(rng, 3, _PLATE)}",
         f"{rng.randint(1, 9)}{_letters(rng, 3)}{_digits(rng, 3)}",
         f"{_letters(rng, 3)}-{_digits(rng, 4)}", f"{_letters(rng, 3)} {_digits(rng, 4)}")
    )  # fmt: skip


def _ssn(rng: random.Random, language: str) -> str:
    parts = f"{rng.randint(101, 660)}", f"{rng.randint(10, 99)}", f"{rng.randint(1000, 9999)}"
    return rng.choice(("-", "-", " ", "")).join(parts)


def _address(rng: random.Random, language: str) -> str:
    if language == "zh":
        city, streets = rng.choice(_ZH_PLACES)
        street = f"{city}{rng.choice(streets)}{rng.randint(1, 300)}号"
        rooms = (
            "",
            f"{rng.randint(1, 20)}号楼{rng.randint(1, 4)}单元{rng.randint(101, 2404)}室",
            f"{rng.choice(_ZH_ESTATES)}{rng.randint(1, 20)}栋{rng.randint(101, 2404)}",
        )
        return street + rng.choice(rooms)
    street = f"{rng.randint(1, 9999)} {rng.choice(_STREETS)}"
    if rng.random() < 0.4:
        city, area = rng.choice(_CITIES_UK)
        house = f"{rng.randint(1, 200)} {rng.choice(_STREETS[3:4] + _STREETS[8:])}"
        postcode = f"{area}{rng.randint(1, 20)} {rng.randint(1, 9)}{_letters(rng, 2, 'ABDEFGHJLNPQRSTUWXYZ')}"
        return f"{house}, {city} {postcode}"
    city, state = rng.choice(_CITIES_US)
    room = rng.choice(("", "", f", Apt {rng.randint(1, 40)}{rng.choice('ABC')}", f" Suite {rng.randint(100, 900)}"))
    return rng.choice(
        (f"{street}{room}, {city}, {state} {_digits(rng, 5)}", f"{street}{room}, {city}", f"{street}{room}")
    )


def _imei(rng: random.Random, language: str) -> str:
    number = "35" + _digits(rng, 12)
    return number + luhn.calc_check_digit(number)


def _ean(rng: random.Random, language: str) -> str:
    number = rng.choice(("400", "690", "506", "009")) + _digits(rng, 9)
    return number + ean.calc_check_digit(number)


def _date(rng: random.Random, language: str) -> str:
    year, month, day = rng.randint(2019, 2026), rng.randint(1, 12), rng.randint(1, 28)
    if language == "zh":
        return rng.choice((f"{year}年{month}月{day}日", f"{year}-{month:02}-{day:02}", f"{year}{month:02}{day:02}"))
    return rng.choice((f"{month:02}/{day:02}/{year}", f"{year}-{month:02}-{day:02}", f"{day} March {year}"))


def _price(rng: random.Random, language: str) -> str:
    return (
        f"¥{rng.randint(9, 4999)}.00"
        if language == "zh"
        else f"${rng.randint(1, 4):,},{_digits(rng, 3)}.{_digits(rng, 2)}"
    )


# By slot: the kind of personal data it plants, and how to draw a value.
PERSONAL: Mapping[str, tuple[str, Draw]] = {
    "email": ("email", _email),
    "phone": ("phone", _phone),
    "card": ("card", _card),
    "iban": ("iban", _iban),
    "ip": ("ip", _ip),
    "secret": ("secret", _secret),
    "userinfo": ("secret", _userinfo),
    "resident_id": ("resident_id", _resident_id),
    "passport": ("passport", _passport),
    "plate": ("plate", _plate),
    "ssn": ("ssn", _ssn),
    "name": ("name", _name),
    "given": ("name", lambda rng, _: rng.choice(_GIVEN)),
    "surname": ("name", _surname),
    "address": ("address", _address),
}
HARMLESS: Mapping[str, Draw] = {
    "title": lambda rng, _: rng.choice(_TITLES),
    "order": lambda rng, _: rng.choice(
        (_digits(rng, 10), f"{_digits(rng, 3)}-{_digits(rng, 7)}-{_digits(rng, 7)}", f"SO-{_digits(rng, 8)}")
    ),
    "tracking": lambda rng, _: rng.choice((f"1Z{_letters(rng, 6)}{_digits(rng, 10)}", f"SF{_digits(rng, 13)}", _digits(rng, 12))),
    "ean": _ean,
    "imei": _imei,
    "isbn": lambda rng, _: "978-0-" + f"{_digits(rng, 3)}-{_digits(rng, 5)}-{_digits(rng, 1)}",
    "asin": lambda rng, _: "B0" + _letters(rng, 8, "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"),
    "model": lambda rng, _: rng.choice(
        (f"{_letters(rng, 2)}-{_digits(rng, 4)}", f"{_digits(rng, 3)}-{_digits(rng, 4)}-{_digits(rng, 3)}",
         f"K{_digits(rng, 3)}BT")
    ),
    "version": lambda rng, _: ".".join(str(rng.randint(0, 30)) for _ in range(rng.choice((2, 3, 4)))),
    "serial": lambda rng, _: f"{_letters(rng, 1)}{_digits(rng, 9)}",
    "mac": lambda rng, _: ":".join(_letters(rng, 2, "0123456789ABCDEF") for _ in range(6)),
    "coordinates": lambda rng, _: f"{rng.randint(-89, 89)}.{_digits(rng, 6)}, {rng.randint(-179, 179)}.{_digits(rng, 6)}",
    "date": _date,
    "price": _price,
}  # fmt: skip
