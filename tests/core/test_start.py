"""A process of bakeoff: nothing that the shell or the home folder sets changes a result; a stage has one boundary."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src"
AMBIENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "KERAS_BACKEND": "jax",
    "KERAS_HOME": "/somewhere",
    "TF_USE_LEGACY_KERAS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
}


def run_script(tmp_path: Path, code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "stage.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": str(SRC), "BAKEOFF_ROOT": str(tmp_path), "BAKEOFF_DEBUG": ""} | variables
    command = [sys.executable, "-m", "bakeoff.core.start", str(script), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_script_runs_as_python_would_run_it_in_the_pinned_environment(tmp_path):
    code = (
        "import json, os, sys, warnings\nwarnings.warn('told to be an error')\n"
        "print(json.dumps([__name__, sys.argv[1:], sys.path[0], dict(os.environ)]))"
    )
    done = run_script(tmp_path, code, "--out", "x", **AMBIENT, PYTHONWARNINGS="error")
    assert done.returncode == 0, done.stderr
    import json

    name, arguments, first, environment = json.loads(done.stdout)
    assert (name, arguments, first) == ("__main__", ["--out", "x"], str(tmp_path))
    assert (environment["MPLBACKEND"], environment["KERAS_BACKEND"]) == ("agg", "tensorflow")
    assert environment["KERAS_HOME"] == "/dev/null/keras"
    assert not {"TF_USE_LEGACY_KERAS", "TF_ENABLE_ONEDNN_OPTS", "ATEN_CPU_CAPABILITY"} & environment.keys()
    assert not {"ONEDNN_DEFAULT_FPMATH_MODE", "PYTHONWARNINGS"} & environment.keys()


def test_the_shells_filters_give_way_to_pythons_own(tmp_path):
    code = (
        "import sys, warnings\nwarnings.warn('look at this')\n"
        "warnings.warn('soon', PendingDeprecationWarning)\nprint(sys.warnoptions)"
    )
    done = run_script(tmp_path, code, PYTHONWARNINGS="error,ignore::UserWarning")
    assert done.stdout == "[]\n", done.stderr
    assert "UserWarning: look at this" in done.stderr
    assert "soon" not in done.stderr


def test_a_module_runs_as_python_would_run_it(tmp_path):
    (tmp_path / "worker.py").write_text("import sys\nprint(__name__, sys.argv[1:])")
    environment = os.environ | {"PYTHONPATH": f"{SRC}{os.pathsep}{tmp_path}"}
    command = [sys.executable, "-m", "bakeoff.core.start", "-m", "worker", "x"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "__main__ ['x']\n", done.stderr


def test_what_fails_while_a_script_imports_is_one_sentence(tmp_path):
    done = run_script(tmp_path, "import there_is_none")
    assert done.returncode == 1
    assert done.stderr.startswith("bakeoff: a package cannot be loaded (ModuleNotFoundError: No module named")
    assert done.stderr.count("\n") == 1


@pytest.mark.tf
def test_keras_json_of_the_home_folder_does_not_apply(tmp_path):
    (tmp_path / ".keras").mkdir()
    settings = '{"floatx": "float16", "image_data_format": "channels_first", "epsilon": 0.1, "backend": "theano"}'
    (tmp_path / ".keras" / "keras.json").write_text(settings)
    code = (
        "from bakeoff.baseline_tf.runtime import keras, tf\nfrom keras import backend\n"
        "print(keras.config.floatx(), keras.config.image_data_format(), keras.config.epsilon(), backend.backend())"
    )
    ambient = AMBIENT | {"HOME": str(tmp_path), "KERAS_HOME": str(tmp_path / ".keras"), "KERAS_MAX_EPOCHS": "1"}
    done = run_script(tmp_path, code, **ambient)
    assert done.stdout == "float32 channels_last 1e-07 tensorflow\n", done.stderr
