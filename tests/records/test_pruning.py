"""runs/ holds this study alone."""

from bakeoff.records.candidate import Candidate, prune_runs


def test_only_the_study_and_the_baseline_stay(tmp_path):
    for name in (
        "a.b-frozen/seed_0",
        "a.b-frozen/seed_1",
        "old-frozen/seed_0",
        "baseline_tf/seed_0",
        "baseline_tf/seed_1",
    ):
        (tmp_path / name).mkdir(parents=True)
    removed = prune_runs(tmp_path, [Candidate("baseline_tf"), Candidate("a.b-frozen")])
    assert removed == ["a.b-frozen/seed_1", "baseline_tf/seed_1", "old-frozen"]
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*"))
    assert left == ["a.b-frozen/seed_0", "baseline_tf/seed_0"]
    assert prune_runs(tmp_path / "none", []) == []
