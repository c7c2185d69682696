"""How a process of bakeoff starts: whatever the user's shell, notebook or home folder sets, results are the same.

`python -m bakeoff.core.start SCRIPT [ARG ...]` runs a stage so, its imports included in the error boundary.
"""

import os
import runpy
import sys
import warnings
from pathlib import Path

from bakeoff.core.errors import exit_cleanly

_PINNED = {
    "MPLBACKEND": "agg",  # notebooks put their own here, which the environments do not have
    "KERAS_BACKEND": "tensorflow",
    "KERAS_HOME": f"{os.devnull}/keras",  # no keras.json: its floatx and channel order would apply
}
_UNSET = (
    *("MATPLOTLIBRC", "PYTHONWARNINGS", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "TF_USE_LEGACY_KERAS"),
    *("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "NVIDIA_TF32_OVERRIDE", "ATEN_CPU_CAPABILITY", "TORCHDYNAMO_DISABLE"),
    *("DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA", "DNNL_DEFAULT_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE"),
    *("MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "MKL_DYNAMIC", "OMP_DYNAMIC", "OMP_THREAD_LIMIT", "OPENBLAS_CORETYPE"),
    *("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES"),
)
"""Variables that change numbers, pictures or what is raised, and that no training's key knows."""


def pin_environment() -> None:
    """Give this process and those that it starts the environment that results are defined in."""
    if os.environ.get("PYTHONWARNINGS"):
        sys.warnoptions.clear()
        warnings.resetwarnings()
        for category in (ResourceWarning, ImportWarning, PendingDeprecationWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
    for name in _UNSET:
        os.environ.pop(name, None)
    os.environ.update(_PINNED)


def main() -> None:
    """Run the script (or `-m` module) that the command line names, as `python` would."""
    pin_environment()
    sys.argv = sys.argv[1:]
    with exit_cleanly():
        if sys.argv[0] == "-m":
            sys.argv = sys.argv[1:]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            sys.path[0] = str(Path(sys.argv[0]).parent)
            runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
