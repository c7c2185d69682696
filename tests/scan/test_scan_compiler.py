"""Compiling the kernel: once, safely side by side, and no harm where it cannot be done."""

import os
import stat
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
from bakeoff.scan import compiler, cpu  # noqa: E402
from bakeoff.scan.dispatch import selective_scan  # noqa: E402
from bakeoff.scan.operator import scan_forward  # noqa: E402

pytestmark = pytest.mark.torch
needs_compiler = pytest.mark.skipif(compiler.why_unavailable() is not None, reason="no C++ compiler")


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A kernel cache of its own, and no kernel in this process."""
    monkeypatch.setenv("BAKEOFF_KERNEL_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setattr("bakeoff.scan.dispatch._said", set())
    compiler.attempt.cache_clear()
    yield tmp_path
    compiler.attempt.cache_clear()


def scan(**options):
    torch.manual_seed(0)
    u, A, B = torch.randn(2, 5, 7), -torch.rand(5, 3), torch.randn(2, 3, 7)
    return selective_scan(u, torch.rand(2, 5, 7), A, B, B, **options)


def executable(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_machine_without_a_compiler_gets_torch_and_one_line(fresh, monkeypatch, capsys):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(fresh))
    assert compiler.why_unavailable() == "no C++ compiler found (looked for g++, clang++, c++)"
    assert torch.equal(scan(), scan(implementation="torch"))
    assert capsys.readouterr().err.count("no C++ compiler found") == 1
    assert not (fresh / "kernels").exists()


def test_a_compiler_that_fails_leaves_its_output_and_the_same_answer(fresh, monkeypatch, capsys):
    broken = executable(fresh / "broken-c++", "echo 'error: of my own making' >&2; exit 1")
    monkeypatch.setenv("CXX", str(broken))
    answer = scan()
    said = capsys.readouterr().err
    assert "broken-c++ failed; its output is in" in said
    log = fresh / said.split("its output is in ")[1].split(")")[0]
    assert log.read_text().count("error: of my own making") == 4  # every set of flags was tried
    assert torch.equal(answer, scan(implementation="torch"))
    log.unlink()
    scan()
    assert not log.exists()  # it is not run again for every scan


def test_a_compiler_that_is_no_program_is_told(fresh, monkeypatch):
    (fresh / "c++").write_text("no program\n")
    (fresh / "c++").chmod(0o755)
    monkeypatch.setenv("CXX", str(fresh / "c++"))
    assert "c++ cannot be run: Exec format error" in (compiler.why_unavailable() or "")


def test_a_user_without_a_home_is_told(fresh, monkeypatch):
    for name in ("BAKEOFF_KERNEL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CXX", str(executable(fresh / "c++", "exit 0")))
    monkeypatch.setattr("pathlib.Path.expanduser", lambda _: (_ for _ in ()).throw(RuntimeError))
    assert "no home folder to keep it in; set BAKEOFF_KERNEL_CACHE" in (compiler.why_unavailable() or "")


def test_a_library_that_does_not_load_is_no_crash(fresh, monkeypatch):
    rubbish = executable(fresh / "c++", 'while [ "$1" != "-o" ]; do shift; done 2>/dev/null; echo rubbish > "$2"')
    monkeypatch.setenv("CXX", str(rubbish))
    assert "the compiled kernel does not load" in (compiler.why_unavailable() or "")


def test_a_cache_that_cannot_be_written_is_told(fresh, monkeypatch):
    (fresh / "file").touch()
    monkeypatch.setenv("BAKEOFF_KERNEL_CACHE", str(fresh / "file"))
    monkeypatch.setenv("CXX", str(executable(fresh / "c++", "exit 0")))
    assert "cannot be written: Not a directory" in (compiler.why_unavailable() or "")


@needs_compiler
@pytest.mark.slow
def test_four_processes_at_once_compile_one_kernel(fresh):
    code = (
        "import torch; from bakeoff.scan.dispatch import selective_scan as s; "
        "print(s(torch.ones(1, 1, 3), torch.ones(1, 1, 3), -torch.ones(1, 1), *[torch.ones(1, 1, 3)] * 2, "
        "implementation='cpu').sum().item())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    workers = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    outputs = [worker.communicate()[0] for worker in workers]
    # 1, 1 + e^-1, 1 + e^-1 + e^-2
    assert [float(output) for output in outputs] == pytest.approx([4.0 - 1.0 + 2 * 0.36787944 - 0.0 + 0.13533528] * 4)
    folders = list((fresh / "kernels").iterdir())
    assert len(folders) == 1
    assert sorted(path.name for path in folders[0].iterdir()) == ["compiler.log", "selective_scan.so"]


@needs_compiler
@pytest.mark.slow
def test_plain_flags_compute_the_same(fresh, monkeypatch):
    """The widest vectors of this processor against 16 bytes, the code that an older one or ARM runs."""
    torch.manual_seed(0)
    given = [torch.randn(2, 21, 37), torch.randn(2, 37, 21).mT, -torch.rand(21, 8), *torch.randn(2, 2, 8, 37)]
    given += [torch.randn(21), torch.randn(2, 21, 37), torch.randn(21)]
    wide = scan_forward(*given, True, "cpu", False)
    monkeypatch.setattr(compiler, "_VARIANTS", ((),))
    compiler.attempt.cache_clear()
    narrow = scan_forward(*given, True, "cpu", False)
    for one, other in zip(wide[:2], narrow[:2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@needs_compiler
def test_a_kernel_of_another_user_is_not_loaded(monkeypatch):
    uid = os.getuid()
    if uid == 0:
        owner = type("Owner", (), {"st_uid": 12345})()
        monkeypatch.setattr(compiler.Path, "stat", lambda *_, **__: owner)
        monkeypatch.setattr(compiler.Path, "is_file", lambda _: True)
    else:
        monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    compiler.attempt.cache_clear()
    try:
        assert "belongs to another user" in (compiler.why_unavailable() or "")
    finally:
        compiler.attempt.cache_clear()


@needs_compiler
def test_python_mirrors_the_kernels_arguments_and_chunk():
    import ctypes

    kernel = compiler.attempt()
    kernel.bakeoff_scan_chunk.restype = kernel.bakeoff_scan_arguments_bytes.restype = ctypes.c_int64
    assert kernel.bakeoff_scan_chunk() == cpu._CHUNK
    assert kernel.bakeoff_scan_arguments_bytes() == ctypes.sizeof(cpu._Arguments)
