"""Which few of N rows stand best for all of them, and which ones those few tell least of: MMD-critic.

Source:
    B. Kim, R. Khanna and O. Koyejo, Examples are not enough, learn to criticize! Criticism for interpretability,
    NIPS 2016, pp. 2280-2288. Both searches are greedy, one row at a time.
"""

import numpy as np

_LEAST = 1e-12
"""Of what a row adds to the others' volume, so that copies have a logarithm."""


def find_prototypes(kernel: np.ndarray, n_wanted: int) -> np.ndarray:
    """Return the rows whose distribution comes nearest to that of all, (min(n_wanted, N),) int64, as they were chosen.

    From a kernel (N, N), such as `two_sample.gaussian_kernel`; equation 3 and algorithm 1 of the paper.
    """
    closeness, found = kernel.mean(axis=0), list[int]()
    for size in range(1, min(n_wanted, len(kernel)) + 1):
        inside = kernel[np.ix_(found, found)].sum() + 2 * kernel[found].sum(axis=0) + kernel.diagonal()
        score = 2 / size * (closeness[found].sum() + closeness) - inside / size**2
        score[found] = -np.inf
        found.append(int(score.argmax()))
    return np.array(found, dtype=np.int64)


def find_criticisms(kernel: np.ndarray, prototypes: np.ndarray, n_wanted: int) -> np.ndarray:
    """Return the other rows where prototypes and all rows are most unlike, (min(n_wanted, N - n),) int64, as chosen.

    The witness function's absolute value and, against criticisms alike, the logarithm of their kernel's determinant;
    equations 4 and 5 of the paper.
    """
    witness = np.abs(kernel.mean(axis=0) - kernel[prototypes].mean(axis=0))
    found = list[int]()
    for _ in range(min(n_wanted, len(kernel) - len(prototypes))):
        known = kernel[found]
        explained = (known * (np.linalg.pinv(kernel[np.ix_(found, found)], hermitian=True) @ known)).sum(axis=0)
        score = witness + np.log(np.maximum(kernel.diagonal() - explained, _LEAST))
        score[[*prototypes, *found]] = -np.inf
        found.append(int(score.argmax()))
    return np.array(found, dtype=np.int64)
