"""Figures show users' names as they are written, whatever matplotlib would make of them."""

import pytest
from matplotlib import pyplot

from bakeoff.data import figures
from bakeoff.data.figures import Figure, font_file, shorten


def bars(names: list[str]) -> Figure:
    figure = Figure()
    figure.add_subplot().set_yticks(range(len(names)), names)
    return figure


@pytest.fixture(autouse=True)
def _say_again():
    figures._tell_missing_glyphs.cache_clear()


@pytest.mark.parametrize("name", ["A$$ Brand", "$10 to $20", r"back\slash_^{x", "50% off: 'x'", "a & <b>"])
def test_a_name_is_no_formula(name, tmp_path):
    axes = bars([name]).axes[0]
    axes.figure.savefig(tmp_path / "a" / "x.png")  # type: ignore[union-attr]
    assert [(tick.get_text(), tick.get_parse_math()) for tick in axes.get_yticklabels()] == [(name, False)]


def test_the_users_own_style_does_not_apply():
    with pyplot.rc_context({"font.size": 40, "axes.facecolor": "red", "text.usetex": True}):
        axes = Figure().add_subplot()
    assert axes.get_facecolor() == (1, 1, 1, 1)
    assert axes.xaxis.label.get_fontsize() == 10
    assert not axes.title.get_usetex()


def test_missing_characters_are_told_once(tmp_path, capsys):
    figure = bars(["ጷ", "ጸ"])
    figure.savefig(tmp_path / "x.png")
    figure.savefig(tmp_path / "x.png")
    assert capsys.readouterr().err.count("the fonts here lack some characters") == 1


def test_other_warnings_still_show(tmp_path):
    figure = Figure()
    figure.add_subplot().plot([1], [1])
    with pytest.raises(UserWarning, match="set_ticks"):
        figure.axes[0].set_xticklabels(["a"])
    figure.savefig(tmp_path / "x.png")


def test_names_are_cut_by_the_width_they_are_drawn_with():
    assert shorten("short") == "short"
    assert shorten("two\nlines\u2028and  three") == "two lines and three"
    assert shorten("x" * 40, 10) == "x" * 9 + "…"
    assert shorten("鞋" * 10, 10) == "鞋" * 4 + " …".strip()


def test_a_text_is_drawn_in_a_font_that_has_it():
    assert font_file("é → ü").endswith("DejaVuSans.ttf")
    assert font_file("\U000e0001ጷ").endswith("DejaVuSans.ttf")  # none has it
