"""The two figures: what is on the front, what is drawn, in both languages."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bakeoff.core.translation import Translator
from bakeoff.decision.measures import MEASURES
from bakeoff.decision.pareto import Plane, front
from bakeoff.report.figures import draw_differences, draw_pareto
from decision.fake_study import summary
from records_made import choice_record

PLANE = Plane.of(["latency_ms", "accuracy"])
WORDS = {language: Translator(language) for language in ("en", "fr")}


def test_the_front_leaves_out_what_may_not_be_chosen():
    items = [
        summary("random", accuracy=0.99, latency_ms=1, pretrained=False),
        summary("dull", accuracy=0.95, latency_ms=2, learned=False),
        summary("elsewhere", accuracy=0.97, latency_ms=1, time_comparable=False),
        summary("slow", accuracy=0.9, latency_ms=30),
        summary("beaten", accuracy=0.85, latency_ms=40),
        summary("fast", accuracy=0.8, latency_ms=10),
    ]
    plane = Plane.of(["latency_ms", "accuracy"], excluded=["random", "dull"])
    assert [item.candidate for item in front(items, plane)] == ["fast", "slow"]
    assert [item.candidate for item in front(items, PLANE)] == ["random"]
    assert front([], PLANE) == []


def test_the_front_in_other_measures():
    small = summary("small", accuracy=0.8, size_mib=10.0, log_loss=0.5)
    large = summary("large", accuracy=0.9, size_mib=90.0, log_loss=0.3)
    worse = summary("worse", accuracy=0.7, size_mib=95.0, log_loss=0.6)
    for names in (["size_mib", "accuracy"], ["size_mib", "log_loss"], ["accuracy", "size_mib"]):
        found = {item.candidate for item in front([small, large, worse], Plane.of(names))}
        assert found == {"small", "large"}, names


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("latencies", [(20.0, 25.0), (2.0, 300.0)])
def test_the_scatter_is_drawn_on_both_scales_and_in_both_languages(tmp_path, latencies, language):
    items = [summary(f"m{i}-frozen", accuracy=0.9 - 0.1 * i, latency_ms=ms) for i, ms in enumerate(latencies)]
    draw_pareto(items, tmp_path / "a.png", plane=PLANE, t=WORDS[language])
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1248, 780)
        assert picture.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
        assert (np.asarray(picture.convert("RGB")).reshape(-1, 3) == (0, 114, 178)).all(axis=1).sum() > 50


@pytest.mark.parametrize("language", ["en", pytest.param("fr", marks=pytest.mark.slow)])
def test_every_measure_has_its_axis(tmp_path, language):
    items = [summary("a-frozen", accuracy=0.9, matrix_total=8.0), summary("b-frozen", accuracy=0.8, matrix_total=7.0)]
    names = sorted(MEASURES)
    for x, y in zip(names[::2], names[1::2], strict=False):
        draw_pareto(items, tmp_path / "a.png", plane=Plane.of([x, y]), t=WORDS[language])


def test_the_scatter_names_who_is_left_out_and_stands_without_any_time(tmp_path):
    elsewhere = summary("a", time_comparable=False)
    for items in ([elsewhere], [elsewhere, summary("b")], []):
        draw_pareto(items, tmp_path / "a.png", plane=PLANE, t=WORDS["en"])
        assert (tmp_path / "a.png").stat().st_size > 0


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_differences_join_whom_the_test_cannot_separate(tmp_path, language):
    items = [summary(f"m{i:02d}-frozen", accuracy=0.95 - 0.02 * i) for i in range(15)]
    names = [item.candidate for item in items]
    apart = [{"candidate": names[14], "reason_code": "random_weights", "reason": ""}]
    choice = choice_record(best={"candidate": names[0]}, n_test=105, apart=apart)
    joined = choice.model_copy(update={"indistinguishable": [names[:6], names[4:12]]})
    draw_differences(items, joined, tmp_path / "bars.png", t=WORDS[language])
    draw_differences(items, choice, tmp_path / "none.png", t=WORDS[language])
    with Image.open(tmp_path / "bars.png") as bars, Image.open(tmp_path / "none.png") as none:
        assert bars.size[0] == none.size[0] == 1248
        ink = [(np.asarray(p.convert("RGB")).reshape(-1, 3) == (29, 39, 51)).all(axis=1).sum() for p in (bars, none)]
    assert ink[0] > ink[1] + 1000


def test_the_differences_of_nobody(tmp_path):
    draw_differences([], choice_record(), tmp_path / "a.png", t=WORDS["fr"])
    assert (tmp_path / "a.png").stat().st_size > 0
