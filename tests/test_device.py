"""Where and how exactly networks compute: stated by the hardware, and never another place than the one asked for."""

import subprocess
import sys

import pytest

from profiling import device
from profiling.errors import SettingsError
from profiling.settings import Settings


def test_the_cpu_is_asked_for_nothing() -> None:
    code = """
import sys
from profiling import device
assert device.the_device("cpu") == "cpu"
assert device.precision("cpu") in ("bfloat16", "float32")
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("found", "wanted", "chosen"),
    [
        (["cuda", "mps"], "auto", "cuda"),
        (["mps"], "auto", "mps"),
        ([], "auto", "cpu"),
        (["cuda"], "cpu", "cpu"),
        (["cuda", "mps"], "mps", "mps"),
    ],
)
def test_cuda_then_mps_then_cpu(
    monkeypatch: pytest.MonkeyPatch, found: list[str], wanted: device.Wanted, chosen: str
) -> None:
    monkeypatch.setattr(device, "_may_have_accelerator", lambda: True)
    monkeypatch.setattr(device, "_accelerators", lambda: found)
    assert device.the_device(wanted) == chosen


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_accelerators", list)
    with pytest.raises(
        SettingsError, match=r"PROFILING_DEVICE=cuda, and PyTorch sees no such device here; set it to auto"
    ):
        device.the_device("cuda")
    monkeypatch.setenv("PROFILING_DEVICE", "gpu")
    with pytest.raises(SettingsError, match="PROFILING_DEVICE"):
        Settings.load()


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ({"avx2", "avx512f", "avx512_bf16"}, "bfloat16"),
        ({"avx2", "amx_bf16"}, "bfloat16"),
        ({"asimd", "bf16"}, "bfloat16"),
        ({"avx2", "avx512f"}, "float32"),
        (set(), "float32"),
    ],
)
def test_bfloat16_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], kind: str
) -> None:
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset(flags))
    assert device.precision("cpu") == kind
    assert device.precision("mps") == "float32"
