"""`bakeoff clean` deletes the caches and nothing else; the commands stand in their panels."""

from __future__ import annotations

from typer.testing import CliRunner

from bakeoff.cli import app
from bakeoff.cli.app import PANELS


def test_clean_deletes_the_caches_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    for folder in (".bakeoff/features", "runs", "mlruns"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".bakeoff" / "features" / "a.npy").write_bytes(b"\0" * 2**20)
    for freed in ("1 MiB freed", "0 MiB freed"):
        assert freed in CliRunner().invoke(app, ["clean"], catch_exceptions=False).output
        assert sorted(path.name for path in tmp_path.iterdir()) == ["mlruns", "runs"]


def test_every_command_stands_in_a_panel_and_explains_itself():
    panels = [str(command.rich_help_panel) for command in app.registered_commands]
    assert panels == sorted(panels, key=PANELS.index)
    assert all((command.callback.__doc__ or "").strip() for command in app.registered_commands if command.callback)
