"""Where networks compute, and how exactly. Nothing here imports torch unless there may be an accelerator to ask it about."""

import sys
from functools import cache
from pathlib import Path
from typing import Literal

from profiling.errors import SettingsError

Wanted = Literal["auto", "cpu", "cuda", "mps"]

# The kernel's files of NVIDIA's and of AMD's cards, which PyTorch both calls CUDA.
_ACCELERATORS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
# Instructions that multiply bfloat16; without them PyTorch's bfloat16 is slower than its float32.
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # the last one is Arm's


def the_device(wanted: Wanted = "auto") -> str:
    """`cuda`, `mps` or `cpu`: the one that is wanted, or the first of them that is there.

    Raises:
        SettingsError: it is not there. Going on with another one would be slow, or the wrong machine, without a word.
    """
    if wanted == "cpu" or (wanted == "auto" and not _may_have_accelerator()):
        return "cpu"
    found = [*_accelerators(), "cpu"]
    if wanted != "auto" and wanted not in found:
        raise SettingsError(
            f"PROFILING_DEVICE={wanted}, and PyTorch sees no such device here; set it to auto, or install a driver and a build "
            "of PyTorch that fit it"
        )
    return found[0] if wanted == "auto" else wanted


def precision(device: str) -> str:
    """`bfloat16` where the processor has instructions for it, else `float32`: stated by the hardware, never measured, so
    that a machine always computes the same. Apple's GPUs count as without."""
    if device == "cuda":
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if device == "cpu" and _BFLOAT16 & cpu_flags() else "float32"


@cache
def cpu_flags() -> frozenset[str]:
    """The instruction sets of this processor, as Linux names them; none elsewhere."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    named = (line.partition(":") for line in lines)
    return frozenset(
        word for name, _, words in named if name.strip() in ("flags", "Features") for word in words.split()
    )


def _may_have_accelerator() -> bool:
    return sys.platform == "darwin" or any(Path(file).exists() for file in _ACCELERATORS)


def _accelerators() -> list[str]:
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, is_there in there.items() if is_there]
