"""The sentences of a text from which a fact may be read, with their place; and whose they are.

Left out: questions, what is only supposed (`if I needed`), what others said or want (`my friend needs`), quotations, lines of an
earlier mail, and every sentence with a sensitive word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from profiling.facts.slots import is_sensitive, word_list
from profiling.text.language import is_chinese
from profiling.text.lexicons import either, folded

_SENTENCE = re.compile(r"(?:[^.!?。！？；;\n…]|[.](?=\S)|(?<=\d)[.](?=\d))+[.!?。！？；;…]*")
_QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_QUOTATION = re.compile(r"“[^”\n]*”|「[^」\n]*」|『[^』\n]*』|\"[^\"\n]*\"")
_EARLIER_MAIL = re.compile(
    r"^(?:-{2,}\s*(?:original message|forwarded message|原始邮件|转发)|on .{4,80} wrote:|在.{4,60}写道[:：])",
    re.IGNORECASE | re.MULTILINE,
)
# In folded sentences.
_QUESTION = {
    "en": re.compile(
        r"\?[\s!?]*$|^\W*(?:do|does|did|can|could|would|will|is|are|has|have|should|may|which|what|where|when|who|how|why|"
        r"any)\s+(?:you|i|we|it|there|the|this|that|anyone|anybody|somebody|one|of|is|are|do|does|to|much|many|\w+\s+\w+\s+\?)\b"
        r"|^\W*(?:does|can|could|has|is)\s+any(?:one|body)\b",
    ),
    "zh": re.compile(
        r"[？?][\s！!？?]*$|吗[。！!]*$|呢[。]*$|请问|哪[款种个家里]|是不是|能不能|有没有|什么时候|怎么(?:样|办|用|选)|如何"
    ),
}
_OTHERS = {
    "en": re.compile(
        r"\b(?:(?:my|our|his|her|their|a|an|the|some|many|most|other)\s+(?:\w+[- ]){0,2}?"
        r"(?:friend|wife|husband|partner|girlfriend|boyfriend|mother|father|mom|mum|dad|brother|sister|son|daughter|kid|child|"
        r"neighbou?r|colleague|boss|teacher|roommate|cousin|aunt|uncle|grandmother|grandfather|people|customer|reviewer|"
        r"buyer|seller|shop|ad|advert)s?(?:ren)?|he|she|they|people|someone|somebody|everyone|everybody|others|reviewers)\s+"
        r"(?:(?:also|always|really|just|still|now|has|have|had|is|are|was|were|would|will|does|do|did|not|doesn't|don't)\s+)*"
        r"(?:says?|said|tells?|told|thinks?|thought|claims?|claimed|wants?|wanted|needs?|needed|prefers?|preferred|loves?|loved|"
        r"likes?|liked|enjoys?|enjoyed|hates?|hated|recommends?|recommended|believes?|asked|asks|looking|searching|wrote|"
        r"plans?|planning|going|plays|collects|avoids?|swears?|got|moved|retired|graduated|bought|buys|lives?|works?|"
        r"getting|moving|retiring)\b",
    ),
    "zh": re.compile(
        r"(?:朋友|同事|同学|室友|邻居|闺蜜|老婆|老公|妻子|丈夫|爸爸|妈妈|父亲|母亲|老爸|老妈|爸妈|父母|儿子|女儿|孩子|哥哥?|姐姐?|弟弟?|妹妹?|"
        r"爷爷|奶奶|外婆|外公|他们|她们|他|她|别人|大家|有人|人家|网友|老板|店家|卖家|客服)(?:们)?(?:[^\s，,。、；我]{0,3}?)"
        r"(?:想|需要|要|喜欢|说|觉得|认为|推荐|打算|准备|讨厌|告诉|搬|结婚|退休|毕业|生了|偏爱|爱好|热爱|迷上|在找|养了)"
    ),
}
_DISTANT = {
    "en": re.compile(r"\b(?:you|one)\s+(?:need|want|prefer|love|like|enjoy|are\s+looking)\b"),
    "zh": re.compile(
        r"(?:喜欢|热爱|需要|想买|想要)[^，,。]{1,12}的(?:人|朋友|同学|家庭|小伙伴)|你(?:们)?(?:需要|喜欢|想)"
    ),
}


@dataclass(frozen=True)
class Sentence:
    """A sentence that the customer says of themselves.

    Attributes:
        text: as long as what stands in the text; quotations are blanks and typographic apostrophes plain ones.
        start: its place in the text.
        language: en or zh.
        others_from: where in it somebody else's words or wishes begin; its length where they do not.
    """

    text: str
    start: int
    language: str
    others_from: int


def own_sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a text from which a fact may be read."""
    for start, sentence in sentences(masked(text)):
        language = "zh" if is_chinese(sentence) else "en"
        low = folded(sentence)
        if _supposed(language).search(low) or _QUESTION[language].search(low):
            continue
        if is_sensitive(sentence) or _DISTANT[language].search(low):
            continue
        others = _OTHERS[language].search(low)
        yield Sentence(sentence, start, language, others.start() if others else len(sentence))


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """(place, sentence) of all sentences, without white space around them, with the marks that end them."""
    for match in _SENTENCE.finditer(text):
        stripped = match.group().strip()
        if stripped:
            yield match.start() + match.group().index(stripped[0]), stripped


def masked(text: str) -> str:
    """The text with quotations and earlier mails blanked; every character keeps its place."""
    earlier = _EARLIER_MAIL.search(text)
    if earlier:
        text = text[: earlier.start()] + _blank(text[earlier.start() :])
    for pattern in (_QUOTED_LINE, _QUOTATION):
        text = pattern.sub(lambda match: _blank(match.group()), text)
    return text.replace("’", "'").replace("‘", "'")


def _blank(text: str) -> str:
    return "".join("\n" if character == "\n" else " " for character in text)


@cache
def _supposed(language: str) -> re.Pattern[str]:
    words = either(word_list("sentences_left_out", "hypothetical", language))
    return re.compile(rf"\b(?:{words})\b" if language == "en" else words)
