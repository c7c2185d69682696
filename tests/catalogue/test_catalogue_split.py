from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bakeoff.catalogue.split import assign_folds, make_split
from bakeoff.catalogue.split_folder import write_split
from bakeoff.core.errors import DataError
from bakeoff.records.catalogue import SplitRecord
from catalogue.dataset_sections import split_params

PARAMS = split_params()
OFFICIAL, KFOLD = (split_params(method=method) for method in ("official", "kfold"))


def products(groups: list[list[str]]) -> pd.DataFrame:
    """Return one product per label in each group."""
    rows = [(f"p{g:03d}_{n}", label, g) for g, labels in enumerate(groups) for n, label in enumerate(labels)]
    return pd.DataFrame(rows, columns=["product_id", "label", "group_id"])


def test_fifty_single_products_give_40_5_5_per_class():
    split = make_split(products([["a"]] * 50 + [["b"]] * 20), PARAMS)
    table = products([["a"]] * 50 + [["b"]] * 20).merge(split, on="product_id")
    assert table.groupby(["label", "split"]).size().to_dict() == {
        ("a", "train"): 40,
        ("a", "validation"): 5,
        ("a", "test"): 5,
        ("b", "train"): 16,
        ("b", "validation"): 2,
        ("b", "test"): 2,
    }


def test_three_groups_give_one_each():
    split = make_split(products([["a"]] * 3), PARAMS)
    assert sorted(split["split"]) == ["test", "train", "validation"]


@st.composite
def catalogues(draw):
    """Groups of one class each, and now and then a group that two classes share."""
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    groups = [[name] * draw(st.integers(1, 3)) for name in names for _ in range(draw(st.integers(4, 25)))]
    if len(names) > 1:
        groups += [[names[0], names[1]] for _ in range(draw(st.integers(0, 3)))]
    return products(groups)


@given(catalogues(), st.integers(0, 5), st.sampled_from([(0.8, 0.1, 0.1), (0.6, 0.2, 0.2), (0.34, 0.33, 0.33)]))
@settings(max_examples=25)
def test_invariant_one(table, seed, shares):
    params = split_params(train=shares[0], validation=shares[1], test=shares[2], seed=seed)
    split = make_split(table, params)
    assert split["product_id"].tolist() == table["product_id"].tolist()  # complete and disjoint
    joined = table.merge(split, on="product_id")
    assert (joined.groupby("group_id")["split"].nunique() == 1).all()
    counts = pd.crosstab(joined["label"], joined["split"]).reindex(
        columns=["train", "validation", "test"], fill_value=0
    )
    assert (counts > 0).all(axis=None)
    shuffled = make_split(table.sample(frac=1, random_state=seed), params)
    assert dict(zip(shuffled["product_id"], shuffled["split"], strict=True)) == dict(
        zip(split["product_id"], split["split"], strict=True)
    )


@given(st.lists(st.integers(1, 4), min_size=30, max_size=80), st.integers(0, 5))
@settings(max_examples=25)
def test_shares_are_within_one_group(sizes, seed):
    table = products([["a"] * size for size in sizes])
    split = make_split(table, PARAMS.model_copy(update={"seed": seed}))
    counts = split["split"].value_counts()
    for name, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        assert abs(counts[name] - share * len(table)) <= max(sizes)


@given(st.integers(5, 40), st.integers(0, 30), st.integers(0, 3))
@settings(max_examples=20)
def test_old_products_keep_their_split_when_others_join(n_old, n_new, seed):
    params = PARAMS.model_copy(update={"seed": seed})
    old = products([["a"]] * n_old + [["b"]] * n_old)
    new = pd.DataFrame(
        {"product_id": [f"new_{n}" for n in range(n_new)], "label": "a", "group_id": 1000 + np.arange(n_new)}
    )
    before = make_split(old, params)
    after = make_split(pd.concat([new, old]), params, previous=before).set_index("product_id")["split"]
    assert (after.loc[before["product_id"]].to_numpy() == before["split"].to_numpy()).all()
    counts = after.value_counts()
    assert abs(counts["test"] - 0.1 * (2 * n_old + n_new)) <= 2 + max(1, 0.1 * n_old)


def test_without_the_earlier_split_few_products_move():
    table = products([["a"]] * 200)
    before, after = make_split(table[:190], PARAMS), make_split(table, PARAMS)
    assert (before["split"].to_numpy() == after["split"].to_numpy()[:190]).mean() > 0.95


def test_a_new_member_follows_its_group():
    old = products([["a"]] * 10)
    before = make_split(old, PARAMS)
    joined = pd.concat([old, pd.DataFrame({"product_id": ["zz"], "label": ["a"], "group_id": [4]})])
    after = make_split(joined, PARAMS, previous=before).set_index("product_id")["split"]
    assert after["zz"] == after["p004_0"] == before.set_index("product_id")["split"]["p004_0"]


def test_other_seeds_give_other_splits():
    table = products([["a"]] * 100)
    assert (
        make_split(table, PARAMS)["split"] != make_split(table, PARAMS.model_copy(update={"seed": 1}))["split"]
    ).any()


def test_too_small_a_class_is_refused():
    with pytest.raises(DataError, match=r"at least 3 groups.*'b' \(2\)"):
        make_split(products([["a"]] * 9 + [["b"], ["b"]]), PARAMS)


def test_a_class_that_shared_groups_keep_out_is_refused():
    # a needs groups 0, 1, 2 apart and c needs 0, 1, 3 apart, so 2 and 3 go together; but b needs 2, 3, 4 apart
    stuck = products([["a", "c"], ["a", "c"], ["a", "b"], ["b", "c"], ["b"]])
    with pytest.raises(DataError, match="which stay whole"):
        make_split(stuck, PARAMS)


def test_a_group_counts_for_each_class_by_its_own_products():
    # one group holds 2 of the 42 of a and 40 of the 80 of b; by its 42 products it would be all that a trains with
    table = products([["a"] * 2 + ["b"] * 40] + [["a"]] * 40 + [["b"]] * 40)
    joined = table.merge(make_split(table, PARAMS), on="product_id")
    own = joined[joined["group_id"] != 0].groupby(["label", "split"]).size()
    assert own.to_dict() == {
        (label, split): n for label in "ab" for split, n in (("train", 32), ("validation", 4), ("test", 4))
    }
    assert set(joined.loc[joined["group_id"] == 0, "split"]) == {"train"}


def test_three_groups_stay_for_three_splits_however_large():
    split = make_split(products([["a"] * 5] * 3 + [["b"]] * 4), PARAMS)
    assert sorted(split["split"].value_counts().to_dict().items()) == [("test", 6), ("train", 7), ("validation", 6)]


def official(words: list[tuple[str, str | None]], groups: list[int] | None = None) -> pd.DataFrame:
    """Products with a label and an official split each, in groups of one unless told otherwise."""
    rows = [(f"p{n:03d}", label, word) for n, (label, word) in enumerate(words)]
    table = pd.DataFrame(rows, columns=["product_id", "label", "official_split"])
    return table.assign(group_id=np.arange(len(rows)) if groups is None else groups)


def sizes(table: pd.DataFrame, split: pd.DataFrame) -> dict[tuple[str, str], int]:
    return table.merge(split, on="product_id").groupby(["official_split", "split"]).size().to_dict()


def test_a_whole_official_split_is_kept():
    table = official([(label, word) for label in "ab" for word in ["train"] * 3 + ["validation"] * 4 + ["test"] * 5])
    assert make_split(table, PARAMS)["split"].tolist() == table["official_split"].tolist()


@pytest.mark.parametrize(("known", "missing"), [("test", "validation"), ("validation", "test")])
def test_a_split_that_the_official_one_lacks_is_cut_from_train(known, missing):
    table = official([(label, word) for label in "ab" for word in ["train"] * 18 + [known] * 5])
    split = make_split(table, PARAMS)
    assert sizes(table, split) == {("train", "train"): 32, ("train", missing): 4, (known, known): 10}
    assert make_split(table, PARAMS, previous=split).equals(split)


def test_products_without_an_official_split_are_divided_by_the_shares():
    table = official([("a", None)] * 50 + [("a", word) for word in ["train"] * 3 + ["validation"] * 3 + ["test"] * 3])
    split = make_split(table, PARAMS)
    assert split["split"][:50].value_counts().to_dict() == {"train": 40, "validation": 5, "test": 5}
    assert split["split"][50:].tolist() == table["official_split"][50:].tolist()


def test_a_group_that_spans_official_splits_stays_together_and_is_told(tmp_path, capsys):
    words = ["train"] * 6 + ["validation"] * 4 + ["test"] * 4
    table = official([("a", word) for word in words], groups=[*range(10), 0, 7, 12, 13])
    split = make_split(table, PARAMS)
    assert split["split"][10:].tolist() == ["train", "validation", "test", "test"]
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    table.to_parquet(catalogue / "products.parquet")
    write_split(catalogue, PARAMS, tmp_path / "splits")
    assert "2 products are not in their official validation or test split" in capsys.readouterr().err
    assert SplitRecord.read(tmp_path / "splits" / "split.json").n_moved_from_official_split == 2


def test_an_official_split_that_cannot_be_kept_is_refused():
    with pytest.raises(DataError, match=r"has no product to train with.*columns\.split: null"):
        make_split(official([("a", "test")] * 3 + [("a", "validation")] * 3), PARAMS)
    held_out = [("a", word) for word in ("train", "validation", "test")] + [("b", "test")] * 3
    with pytest.raises(DataError, match=r"class 'b' has no product left for train: .* the official split has them"):
        make_split(official(held_out), PARAMS)


def test_write_split_and_previous(tmp_path):
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    products([["a"]] * 10 + [["b"]] * 6).to_parquet(catalogue / "products.parquet")
    split = write_split(catalogue, PARAMS, tmp_path / "splits")
    assert pd.read_parquet(tmp_path / "splits" / "splits.parquet").equals(split)
    assert write_split(catalogue, PARAMS, tmp_path / "again", previous=tmp_path / "splits").equals(split)
    with pytest.raises(DataError, match=r"has seed 0, split\.seed is 7"):
        write_split(catalogue, PARAMS.model_copy(update={"seed": 7}), tmp_path / "x", previous=tmp_path / "splits")
    with pytest.raises(DataError, match=r"has method holdout, split\.method is official"):
        write_split(catalogue, OFFICIAL, tmp_path / "x", previous=tmp_path / "splits")
    with pytest.raises(DataError, match="always cut from all products"):
        make_split(products([["a"]] * 10), KFOLD, previous=split)
    with pytest.raises(DataError, match="lacks one"):
        write_split(catalogue, PARAMS, tmp_path / "x", previous=tmp_path)
    with pytest.raises(DataError, match="dvc repro prepare"):
        write_split(tmp_path, PARAMS, tmp_path / "x")


def leaking() -> pd.DataFrame:
    """Ten official train and four test products a class; p000 and p001 are in one group with the first test product."""
    words = [(label, word) for label in "ab" for word in ["train"] * 10 + ["test"] * 4]
    return official(words, groups=[10, 10, *range(2, 28)])


def test_an_official_test_set_stays_whole_and_what_leaks_is_unused_with_a_reason():
    table = leaking()
    split = make_split(table, OFFICIAL)
    assert sizes(table, split) == {
        ("train", "unused"): 2,
        ("train", "train"): 16,  # validation is a ninth of 8 and of 10 groups
        ("train", "validation"): 2,
        ("test", "test"): 8,
    }
    assert split["product_id"][split["split"] == "unused"].tolist() == ["p000", "p001"]
    reasons = split["reason"].fillna("")
    assert set(zip(split["split"] == "unused", reasons, strict=True)) == {
        (True, "in a group of the official test set"),
        (False, ""),
    }


def test_kept_leaks_stay_in_train_and_are_told(tmp_path, capsys):
    table, kept = leaking(), OFFICIAL.model_copy(update={"official_leaks": "keep"})
    split = make_split(table, kept)
    assert sizes(table, split) == {("train", "train"): 18, ("train", "validation"): 2, ("test", "test"): 8}
    assert split["reason"].isna().all()
    assert split["split"][0] == split["split"][1]  # still one group beside the test product's
    table.to_parquet(tmp_path / "products.parquet")
    write_split(tmp_path, kept, tmp_path / "kept")
    assert "2 products of train or validation are in a group with one" in capsys.readouterr().err
    write_split(tmp_path, OFFICIAL, tmp_path / "dropped")
    assert "2 products are unused, because one of their group" in capsys.readouterr().err
    records = [SplitRecord.read(tmp_path / name / "split.json") for name in ("kept", "dropped")]
    assert [(one.n_unused, one.n_leaks) for one in records] == [(0, 2), (2, 0)]
    assert len({one.digest for one in records}) == len({one.inputs for one in records}) == 2


def test_official_keeps_a_validation_set_and_gives_products_without_an_entry_to_train():
    words = ["train"] * 6 + ["validation"] * 3 + ["test"] * 3 + [None] * 3
    table = official([("a", word) for word in words])
    split = make_split(table, OFFICIAL)["split"].tolist()
    assert split == [word or "train" for word in words]


def test_official_takes_small_classes_and_none_into_its_test_set(tmp_path, capsys):
    held_out = [("a", word) for word in ["train"] * 5 + ["test"]]
    table = official([*held_out, ("b", "train"), ("b", "test"), ("c", "train"), ("c", "train")])
    split = make_split(table, OFFICIAL)["split"].tolist()
    assert split[5:8] == ["test", "train", "test"]
    assert sorted(split[8:]) == ["train", "validation"]
    table.to_parquet(tmp_path / "products.parquet")
    write_split(tmp_path, OFFICIAL, tmp_path / "splits")
    told = capsys.readouterr().err
    assert "WARNING: test has no product of 'c'." in told
    assert "WARNING: validation has no product of 'b'." in told


def test_official_needs_a_test_set_and_something_to_train_with():
    for table in (products([["a"]] * 9), official([("a", "train")] * 9)):
        with pytest.raises(DataError, match="needs a source with an official test set"):
            make_split(table, OFFICIAL)
    with pytest.raises(DataError, match="class 'b' has no product left for train"):
        make_split(official([("a", "train")] * 5 + [("a", "test"), ("b", "test")]), OFFICIAL)


@st.composite
def official_catalogues(draw):
    """Catalogues with official train and test sets, and perhaps validation, drawn without regard to groups."""
    table = draw(catalogues())
    words = ["train", "train", "test", *draw(st.sampled_from([[], ["validation"], [None]]))]
    table["official_split"] = draw(st.lists(st.sampled_from(words), min_size=len(table), max_size=len(table)))
    return table


@given(official_catalogues(), st.integers(0, 3), st.sampled_from(["drop", "keep"]))
@settings(max_examples=40)
def test_official_invariants(table, seed, leaks):
    params = split_params(method="official", seed=seed, official_leaks=leaks)
    is_test = table["official_split"] == "test"
    trainable = table["group_id"][~is_test & ~(table["group_id"].isin(table["group_id"][is_test]) & (leaks == "drop"))]
    n_groups = table.loc[trainable.index].groupby("label")["group_id"].nunique().reindex(table["label"].unique())
    rows = table.loc[trainable.index].fillna({"official_split": "train"})
    to_train_with = rows.loc[rows["official_split"].groupby(rows["group_id"]).transform("min") == "train", "label"]
    if not is_test.any() or set(table["label"]) - set(to_train_with) or "train" not in set(table["official_split"]):
        return
    split = make_split(table, params)
    assert split["product_id"].tolist() == table["product_id"].tolist()
    assert ((split["split"] == "test") == is_test).all()
    assert (split["split"] == "unused").sum() == (0 if leaks == "keep" else len(table) - is_test.sum() - len(trainable))
    used = table.assign(split=split["split"])[split["split"] != "unused"]
    if leaks == "keep":
        used = used[used["split"] != "test"]
    assert (used.groupby("group_id")["split"].nunique() == 1).all()
    counts = pd.crosstab(used["label"], used["split"]).reindex(columns=["train", "validation"], fill_value=0)
    assert (counts["train"] > 0).all()
    alone = used.groupby("group_id")["label"].nunique().max() == 1
    if alone and "validation" not in set(table["official_split"]):
        assert (counts["validation"][n_groups >= 2] > 0).all()
    shuffled = make_split(table.sample(frac=1, random_state=seed), params).set_index("product_id")
    assert shuffled.loc[split["product_id"], "split"].tolist() == split["split"].tolist()


def test_a_fold_without_a_product_is_refused():
    with pytest.raises(DataError, match=r"fold 4 has no product: there are fewer groups than split.n_folds \(5\)"):
        make_split(products([["a"]] * 4), split_params(method="kfold", n_folds=5, fold=4))


@given(catalogues(), st.integers(0, 3), st.integers(3, 6))
@settings(max_examples=25)
def test_the_test_sets_of_all_folds_are_everything_once(table, seed, n_folds):
    assume(table["group_id"].nunique() >= max(n_folds, KFOLD.n_folds))
    splits = [
        make_split(table, split_params(method="kfold", seed=seed, n_folds=n_folds, fold=k)) for k in range(n_folds)
    ]
    tests = pd.concat([split["product_id"][split["split"] == "test"] for split in splits])
    assert sorted(tests) == sorted(table["product_id"])  # complete, and each once
    n_groups = table.groupby("label")["group_id"].nunique()
    shared = table.groupby("group_id")["label"].nunique().max() > 1
    for split in splits:
        joined = table.merge(split, on="product_id")
        assert (joined.groupby("group_id")["split"].nunique() == 1).all()
        counts = pd.crosstab(joined["label"], joined["split"]).reindex(columns=["train", "validation", "test"])
        assert (counts[["train", "validation"]] > 0).all(axis=None)
        if not shared:
            assert (counts["test"][n_groups >= n_folds] > 0).all()
            largest = table.groupby(["label", "group_id"]).size().groupby("label").max()
            own = table["label"].value_counts()
            assert (abs(counts["test"] - own / n_folds) <= largest).all()
    again = make_split(table.sample(frac=1, random_state=seed), KFOLD.model_copy(update={"seed": seed}))
    first = make_split(table, KFOLD.model_copy(update={"seed": seed})).set_index("product_id")["split"]
    assert (again["split"].to_numpy() == first.loc[again["product_id"]].to_numpy()).all()


def test_fifty_products_in_five_folds_give_10_4_36_and_official_words_do_not_matter():
    table = products([["a"]] * 50).assign(official_split=["test"] * 25 + ["train"] * 25)
    split = make_split(table, KFOLD)
    assert split["split"].value_counts().to_dict() == {"train": 36, "test": 10, "validation": 4}  # 4.4 of 40
    assert make_split(table.drop(columns="official_split"), KFOLD).equals(split)


def test_folds_spread_groups_of_several_classes():
    # a and b share three groups and b has two of its own: each of b's five groups is in a fold of its own
    table = products([["a", "b"]] * 3 + [["b"]] * 2)
    folds = assign_folds(table, 5, seed=0)
    assert sorted(folds.values()) == [0, 1, 2, 3, 4]
    assert assign_folds(products([["a"] * 4, ["a"], ["a"], ["a"], ["a"]]), 2, seed=0)[0] not in {
        assign_folds(products([["a"] * 4, ["a"], ["a"], ["a"], ["a"]]), 2, seed=0)[group] for group in (1, 2, 3, 4)
    }


def test_inner_folds_are_of_train_alone_and_keep_groups(tmp_path):
    table = products([["a", "a"]] * 20 + [["b"]] * 30)
    table.to_parquet(tmp_path / "products.parquet")
    split = write_split(tmp_path, PARAMS, tmp_path / "splits")
    folds = pd.read_parquet(tmp_path / "splits" / "folds.parquet")
    assert folds["fold"].dtype == np.int8
    assert folds["product_id"].tolist() == split["product_id"][split["split"] == "train"].tolist()
    joined = folds.merge(table, on="product_id")
    assert (joined.groupby("group_id")["fold"].nunique() == 1).all()
    counts = pd.crosstab(joined["label"], joined["fold"])
    assert counts.loc["b"].max() - counts.loc["b"].min() <= 1
    assert counts.loc["a"].max() - counts.loc["a"].min() <= 2


def test_the_record_tells_method_and_digests_and_the_order_of_rows_does_not_matter(tmp_path):
    table = products([["a"]] * 10 + [["b"]] * 8)
    records = []
    for name, rows, params in (
        ("one", table, KFOLD.model_copy(update={"fold": 2})),
        ("two", table.sample(frac=1, random_state=1), KFOLD.model_copy(update={"fold": 2})),
        ("three", table, KFOLD),
        ("four", table, PARAMS),
    ):
        (tmp_path / name).mkdir()
        rows.to_parquet(tmp_path / name / "products.parquet")
        write_split(tmp_path / name, params, tmp_path / name / "splits")
        records.append(SplitRecord.read(tmp_path / name / "splits" / "split.json"))
    assert [one.title for one in records] == [
        *["5-fold, fold 2, seed 0"] * 2,
        "5-fold, fold 0, seed 0",
        "holdout, seed 0",
    ]
    assert records[0].counts == {"train": {"a": 7, "b": 5}, "validation": {"a": 1, "b": 1}, "test": {"a": 2, "b": 2}}
    assert records[0] == records[1]
    assert len({one.digest for one in records}) == len({one.inputs for one in records}) == 3
    assert (records[3].fold, records[3].n_folds) == (None, None)
