"""One set of instructions on every processor, so that one study gives the same bits.

torch, MKL, OpenBLAS and numpy choose routines by the processor that they find, and
each routine rounds in its own way. Here they are told to take those for AVX2 and FMA,
which x86-64 processors have had since 2013. They read the variables as they are
imported, so `pgstudy/__init__.py` calls `pin` first of all.
"""

from __future__ import annotations

import os
import platform
import sys

VARIABLES = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
READERS = ("numpy", "torch")
PINNED, AS_FOUND = "avx2", "as found"

_state = AS_FOUND


def pin() -> None:
    """Set the variables, for this process and for those that it starts.

    Where numpy or torch were imported before, or the processor lacks AVX2 or FMA,
    this process stays as it was found.
    """
    global _state
    if not _has_avx2():
        return
    in_time = not any(name in sys.modules for name in READERS)
    if in_time or all(os.environ.get(k) == v for k, v in VARIABLES.items()):
        _state = PINNED
    os.environ.update(VARIABLES)


def state() -> str:
    """Whether the numbers of this process are pinned: part of every run's key."""
    return _state


def plan_for_jobs() -> None:
    """This process only plans: from now on `state` is that of those that it starts."""
    global _state
    if _has_avx2():
        _state = PINNED


def _has_avx2() -> bool:
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:  # another system than Linux
        return False
    return {"avx2", "fma"} <= set(flags.split())
