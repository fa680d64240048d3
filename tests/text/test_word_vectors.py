"""Word vectors: the same bytes in any process, no word of a single person, GloVe's files read or refused by line."""

import gzip
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from profiling.errors import InputError, SettingsError
from profiling.text import word_vectors
from profiling.text.embedding import load_encoder
from profiling.text.tokens import words_of
from profiling.text.word_vectors import LEAST_CUSTOMERS, Table, read_glove, train

THINGS = {
    "guitar": ["strings", "tuner", "amp", "pick", "chord", "fret", "capo", "strap", "solo", "tone"],
    "coffee": ["beans", "kettle", "mug", "roast", "filter", "grinder", "espresso", "aroma", "cup", "milk"],
}
FRAME = [
    *(
        "the",
        "is",
        "with",
        "and",
        "my",
        "very",
        "new",
        "for",
        "this",
        "was",
        "bought",
        "it",
        "one",
        "used",
        "when",
        "had",
    ),
    *(
        "some",
        "every",
        "day",
        "morning",
        "evening",
        "home",
        "shop",
        "box",
        "came",
        "soon",
        "nice",
        "old",
        "small",
        "big",
    ),
]
CHINESE = ["吉他的音色很好", "物流很快质量不错", "咖啡很香味道很好"]


def shop(customers: int = 12, texts: int = 60) -> list[tuple[str, str]]:
    """(customer, text): each text about one of two things, in words that all customers use."""
    rng = np.random.default_rng(1)
    said = []
    for number in range(customers * texts):
        thing = ("guitar", "coffee")[number % 2]
        words = [*rng.choice(THINGS[thing], 5), thing, *rng.choice(FRAME, 6)]
        said.append((f"c{number % customers}", " ".join(rng.permutation(words))))
    return said + [(f"c{n}", text) for n in range(customers) for text in CHINESE]


@pytest.fixture(scope="module")
def table() -> Table:
    found = train([*shop(), *[("c1", "my nephew Balthasar Quetzal called 5550100 from Nowheresville")] * 3])
    assert found is not None
    return found


@pytest.fixture
def folder(table: Table, tmp_path: Path) -> Path:
    made = tmp_path / "0123456789abcdef"
    made.mkdir()
    table.save(made)
    return made


def digest(table: Table) -> str:
    return hashlib.sha256(table.vectors.tobytes() + table.common.tobytes() + "|".join(table.terms).encode()).hexdigest()


def test_words_of_a_text() -> None:
    assert words_of("The D'Addario strings cost $5, call [phone1] 555-0100!") == [
        "the",
        "d'addario",
        "strings",
        "cost",
        "call",
    ]
    assert words_of("这个 guitar 的音色 very nice") == ["这个", "guitar", "的", "音色", "very", "nice"]
    assert words_of("😍 !!! 12345") == words_of("") == []


def test_only_words_of_several_customers_are_in_the_vocabulary(table: Table) -> None:
    assert {"guitar", "coffee", "strings", "the", "吉他"} <= set(table.terms)
    assert not {"balthasar", "quetzal", "nowheresville", "5550100", "nephew"} & set(table.terms)
    few = [(f"c{n % (LEAST_CUSTOMERS - 1)}", text) for n, (_, text) in enumerate(shop())]
    assert train(few) is None


def test_words_said_together_are_near(folder: Path) -> None:
    encoder = load_encoder("word2vec", folder.parent, trained=folder)
    assert encoder.model == "word2vec@0123456789ab"
    vectors = encoder.encode(
        ["guitar strings", "a tuner and a capo", "coffee beans", "espresso from the kettle", "zzzzz 12345", ""]
    )
    near = vectors @ vectors.T
    assert min(near[0, 1], near[2, 3]) > max(near[0, 2], near[0, 3], near[1, 2], near[1, 3])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 1, 0, 0], abs=1e-5)
    order = [3, 1, 0, 5, 2, 4]
    texts = ["guitar strings", "a tuner and a capo", "coffee beans", "espresso from the kettle", "zzzzz 12345", ""]
    assert encoder.encode([texts[i] for i in order]).tobytes() == vectors[order].tobytes()
    assert encoder.encode(texts[1:2]).tobytes() == vectors[1].tobytes()


def test_the_mean_is_arora_s(table: Table, folder: Path) -> None:
    encoder = load_encoder("word2vec", folder.parent, trained=folder)
    words = ["guitar", "strings", "the"]
    at = [table.terms.index(word) for word in words]
    weights = [1e-3 / (1e-3 + table.shares[number]) for number in at]
    mean = sum(weight * table.vectors[number].astype(float) for weight, number in zip(weights, at, strict=True)) / 3
    rest = mean - table.common * (table.common @ mean)
    assert encoder.encode(["guitar strings, the unheardof 7"])[0] == pytest.approx(
        rest / np.linalg.norm(rest), abs=1e-5
    )
    assert table.shares.sum() == pytest.approx(1)
    assert np.linalg.norm(table.common) == pytest.approx(1, abs=1e-5)


CODE = """
from tests.text.test_word_vectors import digest, shop, train
said = shop()
print(digest(train(said[::-1])))
"""


def test_the_same_texts_in_any_order_and_process_give_the_same_bytes() -> None:
    here = train(shop())
    assert here is not None
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert done.stdout.strip() == digest(here), done.stderr


def test_a_table_is_saved_and_read_whole_or_refused(table: Table, folder: Path) -> None:
    again = Table.load(folder)
    assert digest(again) == digest(table)
    (folder / word_vectors.WORDS).write_text('["one"]')
    with pytest.raises(InputError, match="differ in number; delete the folder"):
        Table.load(folder)
    (folder / word_vectors.WORDS).unlink()
    with pytest.raises(InputError, match=r"cannot be read .*; delete the folder"):
        Table.load(folder)


def test_before_any_training_no_text_has_a_vector(tmp_path: Path) -> None:
    encoder = load_encoder("word2vec", tmp_path)
    assert (encoder.model, encoder.can_read("en")) == ("word2vec@none", False)


GLOVE = """the 0.1 0.2 -0.3
guitar 0.9 0.1 0.0
strings 0.8 0.2 0.1
coffee -0.1 0.9 0.2
New York 0.3 0.3 0.3
guitar 9 9 9
"""


def _locked_zip() -> bytes:
    """A zip whose file claims to be encrypted."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("vectors.txt", GLOVE)
    content = bytearray(made.getvalue())
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize("form", ["txt", "gz", "zip", "header", "mark"])
def test_glove_files_are_read_in_every_form(form: str, tmp_path: Path) -> None:
    file = tmp_path / f"vectors.{form}"
    if form == "gz":
        file.write_bytes(gzip.compress(GLOVE.encode()))
    elif form == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("vectors.txt", GLOVE)
    else:
        file.write_text({"header": "6 3\n", "mark": "\ufeff"}.get(form, "") + GLOVE)
    table = read_glove(file)
    assert table.terms == ["the", "guitar", "strings", "coffee", "New York"]
    assert table.vectors[1] == pytest.approx([0.9, 0.1, 0.0])
    assert (np.diff(table.shares) < 0).all()
    encoder = load_encoder(f"glove:{file}", tmp_path / "cache")
    vectors = encoder.encode(["Guitar strings", "guitar", "coffee"])
    assert vectors[0] @ vectors[1] > 0.9 > vectors[0] @ vectors[2]
    assert [encoder.can_read(language) for language in ("en", "und", "zh")] == [True, True, False]
    file.rename(tmp_path / "moved")
    assert load_encoder(f"glove:{tmp_path / 'moved'}", tmp_path / "cache").model == encoder.model
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [encoder.model.replace("@", "-")], "read once"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"the 0.1 0.2\nguitar 0.3\n",
            r"^line 2 of .* has 2 fields where a word and 2 numbers belong; fetch the file again",
        ),
        (
            b"the 0.1 0.2\nguitar 0.3 x\n",
            r"^line 2 of .*: could not convert string to float: 'x', where a word and 2 numbers",
        ),
        (b"the 0.1 0.2\nguitar 0.3 nan\n", r"^line 2 of .* has a number that is not finite; fetch"),
        (b"the 0.1 0.2\n 0.3 0.4\n", r"^line 2 of .* has no word; fetch"),
        (b"the 0.1 0.2\n\xff\xfe 0.3 0.4\n", r"^line 2 of .* is not UTF-8; fetch"),
        (b"the 0.1 0.2\nguitar 0.3 1e300\n", r"^line 2 of .* has a number that is not finite; fetch"),
        (b"the 0.1 0.2\nguitar 0.1 0.2 0.3\n", r"^line 2 of .* has more than the 2 numbers of the first line"),
        (b"1 9\nthe 0.1 0.2\n", r"^line 2 of .* has 3 fields where a word and 9 numbers belong"),
        (b"5 2\nthe 0.1 0.2\n", r"says in line 1 that it has 5 words, and has 1; fetch it again"),
        (b"the" + b" 0.1" * 5_000, r"^line 1 of .* has 5000 numbers where 4096 are the most"),
        (gzip.compress(b"1" * (1 << 19)), r"^line 1 of .* is longer than any of GloVe's; name a file"),
        (_locked_zip(), r"cannot be unpacked here .*encrypted.*; unpack it and name what was in it"),
        (b"", r"has no vectors in it"),
        (b"<html>\n", r"^line 1 of .* has 1 fields where a word and 2 numbers"),
        (gzip.compress(GLOVE.encode())[:40], r"is damaged after line \d+ .*; fetch it again"),
        (b"PK\x03\x04 cut short", r"is damaged after line 0"),
    ],
    ids=[
        "short",
        "word",
        "nan",
        "no-word",
        "utf8",
        "huge",
        "first-line",
        "header-size",
        "header-words",
        "wide",
        "endless",
        "locked",
        "empty",
        "html",
        "cut-gzip",
        "cut-zip",
    ],
)
def test_a_malformed_file_is_named_by_line_with_the_fix(content: bytes, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=sentence):
        load_encoder(f"glove:{file}", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_damaged_vectors_in_the_cache_are_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "vectors.txt").write_text(GLOVE)
    load_encoder(f"glove:{tmp_path / 'vectors.txt'}", tmp_path / "cache")
    (folder,) = (tmp_path / "cache").iterdir()
    (folder / word_vectors.WEIGHTS).write_bytes(b"junk")
    with pytest.raises(InputError, match=r"glove-.* cannot be read .*; delete the folder, and they are made again"):
        load_encoder(f"glove:{tmp_path / 'vectors.txt'}", tmp_path / "cache")


def test_an_archive_of_several_files_and_no_file_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "glove.6B.zip", "w") as archive:
        archive.writestr("glove.6B.50d.txt", GLOVE)
        archive.writestr("glove.6B.100d.txt", GLOVE)
    with pytest.raises(SettingsError, match=r"holds 2 files \(glove.6B.50d.txt, glove.6B.100d.txt\); unpack it"):
        load_encoder(f"glove:{tmp_path / 'glove.6B.zip'}", tmp_path)
    for name in ("glove:", f"glove:{tmp_path / 'none.txt'}"):
        with pytest.raises(SettingsError, match="names no file; write glove: and the path"):
            load_encoder(name, tmp_path)
