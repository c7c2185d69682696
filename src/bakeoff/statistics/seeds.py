"""Several training seeds on one test set: how much of the doubt is the test products', how much the seeds'."""

import numpy as np

from bakeoff.core.errors import EvaluationError


def split_variance(correct: np.ndarray) -> dict[str, float | int | None]:
    """Split the variance of an accuracy over seeds and test products.

    A product's difficulty, a seed's luck and the rest are the parts of a crossed two-way layout without repetition.
    Their variances come from the mean squares: E[MS seeds] = rest + N seed, E[MS products] = rest + S product,
    E[MS rest] = rest. The rest counts once per seed and product: with new products and with a new seed it is new.

    Args:
        correct: (S, N) bool, seed by product; S and N from 1.

    Returns:
        n_seeds (S), n (N), mean (share), and standard deviations as shares, None where one seed or one product cannot
        tell: sd_seeds and sd_data of one training's accuracy over other seeds on these products and over other products
        with this seed; sd_mean of the mean over these S seeds, over both; share_data, the test products' part in the
        variance of sd_mean, in [0, 1]. Both sds hold the rest, so their squares add up to more than the whole.

    Raises:
        EvaluationError: not (S, N), nothing given, or other values than right and wrong.

    Source:
        S. R. Searle, G. Casella and C. E. McCulloch, Variance Components (1992), section 4.5: analysis of variance
        estimators of the 2-way crossed random model without interaction; negative estimates are set to 0.
    """
    correct = _checked(correct)
    n_seeds, n = correct.shape
    mean = float(correct.mean())
    found: dict[str, float | int | None] = {"n_seeds": n_seeds, "n": n, "mean": mean}
    by_seed, by_product = correct.mean(axis=1), correct.mean(axis=0)
    ms_seeds = n * float(by_seed.var(ddof=1)) if n_seeds > 1 else None
    ms_products = n_seeds * float(by_product.var(ddof=1)) if n > 1 else None
    found["sd_seeds"] = None if ms_seeds is None else (ms_seeds / n) ** 0.5
    found["sd_data"] = None if n == 1 else float(correct.var(axis=1, ddof=1).mean() / n) ** 0.5
    found |= {"sd_mean": None, "share_data": None}
    if ms_seeds is None or ms_products is None:
        return found
    rest_table = correct - by_seed[:, None] - by_product + mean
    rest = float((rest_table**2).sum()) / ((n_seeds - 1) * (n - 1))
    seed = max(0.0, (ms_seeds - rest) / n)
    product = max(0.0, (ms_products - rest) / n_seeds)
    data = product / n + rest / (n_seeds * n)
    whole = data + seed / n_seeds
    return found | {"sd_mean": whole**0.5, "share_data": data / whole if whole > 0 else None}


def _checked(correct: np.ndarray) -> np.ndarray:
    """Return right-or-wrong as (S, N) float64."""
    values = np.asarray(correct, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise EvaluationError(f"expected right-or-wrong by seed and product (S, N), got shape {values.shape}.")
    if not np.isin(values, (0.0, 1.0)).all():
        raise EvaluationError("every product is right (1) or wrong (0) for every seed; the array holds other values.")
    return values
