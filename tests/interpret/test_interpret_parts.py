"""Parts of photos: what each takes from a donor, and what it costs a linear classifier and a real network."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bakeoff.catalogue.params import SyntheticParams
from bakeoff.catalogue.sources.synthetic import CLASSES, generate
from bakeoff.core.errors import ParamsError
from bakeoff.core.section import validate_section
from bakeoff.data.products import StoredProducts
from bakeoff.data.store import ImageStore, StoreWriter
from bakeoff.interpret import losses
from bakeoff.interpret.loss_figures import draw_parts
from bakeoff.interpret.losses import Tried, choose_rows, try_on
from bakeoff.interpret.parts import PARTS, PartsParams, measure_parts
from linear_subject import LinearSubject
from numpy_predictor import NumpyPredictor, make_catalogue, predict_catalogue

pytestmark = pytest.mark.torch  # scikit-image, which converts colours, is in .venv-torch
NAMES = [name for group in PARTS.values() for name in group]
ALL = PartsParams(groups=list(PARTS), repeats=2, max_rows=None)


@pytest.fixture
def catalogue(tmp_path):
    return make_catalogue(tmp_path, n_per_class=20)


@pytest.fixture
def linear(catalogue):
    """The classifier of `numpy_predictor`, which takes a photo for the class of its strongest channel."""
    return LinearSubject(NumpyPredictor(catalogue.labels).weights, catalogue.labels)


def part(name):
    return next(group[name] for group in PARTS.values() if name in group)


def photos(seed, *, n=3, side=24, low=0.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, (n, side, side, 3)).astype(np.float32)


def tried_of(subject, catalogue, *, max_rows=None, split="test"):
    rows = choose_rows(catalogue.rows(split), max_rows, seed=0)
    products = catalogue.at(rows)
    predicted = subject.probabilities(subject.images(products)).argmax(axis=1)
    return Tried(products, catalogue.label_ids(rows), predicted, rows, catalogue.labels)


def measure(subject, tried, params=ALL):
    with Progress(disable=True) as progress:
        found = measure_parts(subject, tried, params, progress)
        assert all(task.finished or task.total == 0 for task in progress.tasks)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_the_photo_itself_changes_nothing_and_inputs_stay(name):
    images, donors = photos(0), photos(1)
    kept = images.copy(), donors.copy()
    np.testing.assert_allclose(part(name)(images, images), images, atol=2e-3)
    mixed = part(name)(images, donors)
    assert (mixed.dtype, mixed.shape) == (np.float32, images.shape)
    assert 0 <= mixed.min() <= mixed.max() <= 1
    assert np.abs(mixed - images).max() > 0.05
    assert all((now == before).all() for now, before in zip((images, donors), kept, strict=True))


def test_channels_of_rgb_by_hand():
    images, donors = photos(0), photos(1)
    np.testing.assert_array_equal(part("green")(images, donors)[..., 1], donors[..., 1])
    np.testing.assert_array_equal(part("green")(images, donors)[..., ::2], images[..., ::2])


@pytest.mark.parametrize(
    ("name", "expected"), [("hue", (0.2, 0.8, 0.2)), ("saturation", (0.8, 0.4, 0.4)), ("value", (0.4, 0.1, 0.1))]
)
def test_hue_saturation_and_value_by_hand(name, expected):
    red = np.broadcast_to(np.float32([0.8, 0.2, 0.2]), (1, 4, 4, 3))  # hue 0, saturation 0.75, value 0.8
    other = {"hue": (0.1, 0.5, 0.1), "saturation": (0.2, 0.4, 0.2), "value": (0.4, 0.4, 0.4)}[name]
    donor = np.broadcast_to(np.float32(other), red.shape)
    np.testing.assert_allclose(part(name)(red, donor)[0, 0, 0], expected, atol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_grey_photos_have_no_hue_to_give_or_take(level):
    grey = np.full((2, 8, 8, 3), level, dtype=np.float32)
    for name in NAMES:
        assert np.isfinite(part(name)(grey, photos(0, n=2, side=8))).all()
    np.testing.assert_allclose(part("hue")(grey, photos(0, n=2, side=8)), grey, atol=1e-6)
    lighter = part("lightness")(photos(1, n=2, side=8), grey)
    np.testing.assert_allclose(part("lightness")(grey, photos(1, n=2, side=8)).std(axis=3), 0, atol=2e-3)
    assert lighter.shape == grey.shape


@given(side=st.integers(3, 40))
def test_the_nine_regions_cover_a_photo_of_any_size_once(side):
    black, white = np.zeros((1, side, side, 3), np.float32), np.ones((1, side, side, 3), np.float32)
    covered = sum(replace(black, white) for replace in PARTS["regions"].values())
    np.testing.assert_array_equal(covered, white)
    corner = PARTS["regions"]["top_right"](black, white)
    assert corner[0, 0, -1].all()
    assert not corner[0, -1, 0].any()


def test_the_three_bands_sum_to_the_photo_and_each_is_of_its_fineness():
    images, donors = photos(0, side=64, low=0.4, high=0.6), photos(1, side=64, low=0.4, high=0.6)
    changes = {name: replace(images, donors) - images for name, replace in PARTS["bands"].items()}
    np.testing.assert_allclose(sum(changes.values()), donors - images, atol=1e-6)
    coarse = gaussian_filter(donors - images, (0, 4, 4, 0), mode="nearest", truncate=3)
    np.testing.assert_allclose(changes["low_frequencies"], coarse, atol=1e-6)
    flat = np.full((1, 64, 64, 3), 0.3, np.float32)
    np.testing.assert_allclose(part("low_frequencies")(flat, flat + 0.2), flat + 0.2, atol=1e-6)
    np.testing.assert_allclose(part("high_frequencies")(flat, flat + 0.2), flat, atol=1e-6)


def test_a_channel_that_is_never_looked_at_costs_exactly_nothing(linear, catalogue):
    linear.weights[..., 1, :] = 0
    found = measure(linear, tried_of(linear, catalogue, split="train"))
    green = found.parts["rgb"]["green"]
    for one in (green.accuracy, green.macro_f1, *(known.recall for known in green.classes.values())):
        assert (one.mean, one.sd) == (0, 0)
        assert one.low < 0 < one.high
    assert found.parts["rgb"]["red"].accuracy.low > 0.1
    assert list(green.classes) == catalogue.labels


def test_figures_by_hand(catalogue, linear, monkeypatch):
    """Two shuffles of four photos of two classes: what is lost, on average and by class."""
    answers = np.array([[0, 1, 1, 1], [1, 1, 1, 0]])
    monkeypatch.setattr("bakeoff.interpret.parts._predict_shuffled", lambda *_: dict.fromkeys(NAMES, answers))
    tried = Tried(catalogue.at([0, 1, 2, 3]), np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]), np.arange(4), ["a", "b"])
    found = measure(linear, tried, PartsParams(groups=["rgb"], repeats=2, max_rows=None)).parts["rgb"]["red"]
    # right as they are 3 of 4; after the shuffles 3 of 4 and 1 of 4
    assert (found.accuracy.mean, found.accuracy.sd) == (0.25, pytest.approx(np.sqrt(0.125)))
    # a: right 2 of 2, then 1 and 0; b: right 1 of 2, then 2 and 1
    assert found.classes["a"].recall.mean == 0.75
    assert found.classes["b"].recall.mean == -0.25
    # F1 of a: 4/5, then 2/3 and 0; of b: 2/3, then 4/5 and 2/5
    assert found.classes["a"].f1.mean == pytest.approx(4 / 5 - 1 / 3)
    assert found.classes["b"].f1.mean == pytest.approx(2 / 3 - 3 / 5)
    assert found.classes["b"].f1.sd == pytest.approx(np.std([4 / 5, 2 / 5], ddof=1))
    assert found.macro_f1.mean == pytest.approx((4 / 5 - 1 / 3 + 2 / 3 - 3 / 5) / 2)
    assert found.macro_f1.low <= found.macro_f1.mean <= found.macro_f1.high


def test_each_photo_gets_the_part_of_its_donor_in_batches_and_streamed_too(catalogue, linear, monkeypatch):
    seen = []

    class Recorder(LinearSubject):
        def probabilities(self, images):
            seen.append(images)
            return super().probabilities(images)

    linear.__class__, linear.batch_images = Recorder, 5  # donors cross the borders of batches
    tried = tried_of(linear, catalogue)
    originals, one = linear.images(tried.products), PartsParams(groups=["rgb", "rgb"], repeats=1, max_rows=None)
    seen.clear()
    first = measure(linear, tried, one)
    order = np.random.default_rng(0).permutation(len(tried))
    red = np.concatenate(seen[0::3])
    np.testing.assert_array_equal(red[..., 0], originals[order, ..., 0])
    np.testing.assert_array_equal(red[..., 1:], originals[..., 1:])
    assert sum(len(images) for images in seen) == 3 * len(tried), "none for the baseline, none for a group given twice"
    monkeypatch.setattr(losses, "_HELD_BYTES", 0)
    assert measure(linear, tried, one) == first


def test_answers_come_from_the_predictions_at_most_max_rows(catalogue, linear):
    predictions = predict_catalogue(NumpyPredictor(catalogue.labels), catalogue)
    linear.probabilities = None  # not asked
    tried = try_on(linear, catalogue, predictions, max_rows=7)
    assert len(tried) == 7
    rows = choose_rows(catalogue.rows("test"), 7, seed=0)
    assert tried.predicted.tolist() == predictions.probabilities[rows].argmax(axis=1).tolist()
    assert tried.groups.tolist() == catalogue.products["group_id"].to_numpy()[rows].tolist()


def test_of_a_product_with_several_photos_the_first_is_predicted_alone(catalogue, linear):
    ids = catalogue.products["product_id"]
    catalogue.products["photo_of"] = ids.where(ids != "p059", "p056")  # which alone is taken for another class
    predictions = predict_catalogue(NumpyPredictor(catalogue.labels), catalogue)
    catalogue = catalogue.by_product()
    tried = try_on(linear, catalogue, predictions, max_rows=None)
    assert (len(tried), tried.correct.sum()) == (11, 9)


@pytest.mark.filterwarnings("error")
def test_one_photo_one_class_and_a_class_without_photos(catalogue, linear, tmp_path):
    tried = tried_of(linear, catalogue)
    only = dataclasses.replace(tried, products=tried.products.at([0]), label_ids=tried.label_ids[:1])
    only = dataclasses.replace(only, predicted=tried.predicted[:1], groups=tried.groups[:1])
    found = measure(linear, only)
    assert found.note == "There is one test photo alone, so nothing could be shuffled."
    assert {known.accuracy.mean for group in found.parts.values() for known in group.values()} == {0}
    draw_parts(found, tmp_path / "one.png", title="linear")
    same = np.flatnonzero(tried.label_ids == 2)
    one_class = Tried(tried.products.at(same), tried.label_ids[same], tried.predicted[same], same, tried.labels)
    found = measure(linear, one_class)
    assert found.note == "No test photo that was used shows blue, green."
    assert list(found.parts["hsv"]["hue"].classes) == ["red"]
    draw_parts(found, tmp_path / "class.png", title="linear")
    regions = found.model_copy(update={"parts": {"regions": found.parts["regions"]}})
    draw_parts(regions, tmp_path / "regions.png", title="linear")


def test_a_group_that_is_not_known_is_refused_and_none_measures_nothing(catalogue, linear):
    with pytest.raises(ParamsError, match=r"groups\.0 = 'smell'.*'rgb', 'hsv', 'lab', 'regions' or 'bands'"):
        validate_section(PartsParams, {"groups": ["smell"], "repeats": 1, "max_rows": None}, where="here")
    found = measure(linear, tried_of(linear, catalogue), PartsParams(groups=[], repeats=1, max_rows=None))
    assert (found.parts, found.n) == ({}, 12)


def test_choose_rows():
    rows = np.arange(10, 60)
    chosen = choose_rows(rows, 7, seed=0)
    assert len(set(chosen.tolist())) == 7
    assert chosen.tolist() == sorted(chosen.tolist()) == choose_rows(rows, 7, seed=0).tolist()
    assert choose_rows(rows, None, seed=0) is rows
    assert choose_rows(rows, 99, seed=0) is rows


class Frozen(LinearSubject):
    """A logistic regression on the frozen features of EfficientNet-Lite0, which has its ImageNet weights."""

    def __init__(self, labels, side):
        from bakeoff.backbones.compat import import_timm
        from bakeoff.backbones.loading import read_checkpoint
        from bakeoff.weights.local import convert_lite, find_in_package

        super().__init__(np.zeros((side, side, 3, len(labels))), labels)
        self.network = import_timm().create_model("tf_efficientnet_lite0", num_classes=1000).eval()
        state = read_checkpoint(find_in_package("tf_efficientnet_lite0").path)
        self.network.load_state_dict(convert_lite(state), strict=True)

    def features(self, images):
        import torch

        planes = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        with torch.inference_mode():
            return self.network.forward_head(self.network.forward_features(2 * planes - 1), pre_logits=True).numpy()

    def learn(self, products, label_ids):
        self.head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
        self.head.fit(self.features(self.images(products)), label_ids)

    def probabilities(self, images):
        return self.head.predict_proba(self.features(images))


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    """The sound photos of the generated catalogue: positions by class, and the store."""
    root = tmp_path_factory.mktemp("synthetic")
    truths = generate(root, SyntheticParams(n_per_class=30, image_px=128, seed=0))
    rows: dict[str, list[int]] = {}
    with StoreWriter(root / "images.arrow") as writer:
        for name, truth in truths.items():
            if not (truth.defects or truth.duplicate_of or truth.broken):
                rows.setdefault(truth.label, []).append(writer.append((root / "Images" / f"{name}.jpg").read_bytes()))
    return rows, ImageStore(root / "images.arrow")


@pytest.mark.slow
@pytest.mark.torch
def test_classes_told_apart_by_colour_lose_under_hue_shuffling_and_those_by_shape_do_not(synthetic, monkeypatch):
    monkeypatch.setitem(PARTS, "hsv", {"hue": part("hue")})
    lost = {}
    for pair in ({"red_ball", "blue_ball"}, {"green_box", "green_tent"}):
        subject = Frozen(sorted(pair), 128)
        rows = np.array([synthetic[0][label] for label in subject.labels]).T.ravel()  # the classes in turn
        products, label_ids, half = StoredProducts(synthetic[1], rows), np.arange(len(rows)) % 2, len(rows) // 2
        subject.learn(products.at(np.arange(half)), label_ids[:half])
        test = np.arange(half, len(rows))
        predicted = subject.probabilities(subject.images(products.at(test))).argmax(axis=1)
        assert (predicted == label_ids[test]).mean() > 0.9
        tried = Tried(products.at(test), label_ids[test], predicted, test, subject.labels)
        found = measure(subject, tried, PartsParams(groups=["hsv"], repeats=2, max_rows=None))
        lost[CLASSES[min(pair)].told_apart_by] = found.parts["hsv"]["hue"]
    assert lost["colour"].accuracy.low > 0.15, "half of the photos stay right by chance"
    # Of both classes together: without its hue every ball may be taken for the same one, which then loses nothing.
    assert sum(known.recall.mean for known in lost["colour"].classes.values()) > 0.6
    assert abs(lost["shape"].accuracy.mean) < 0.12
    assert lost["shape"].accuracy.mean < lost["colour"].accuracy.low
