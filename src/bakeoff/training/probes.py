"""scikit-learn's classifiers on a frozen backbone's features, as heads that the network carries like any other."""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.learning.recipe import ProbeParams

_SMALLEST = 1e-6  # no class has a smaller probability: its logarithm is a logit


class ForestHead(nn.Module):
    """A random forest: features (N, D) to the logarithm of the mean of its trees' class shares, (N, K)."""

    def __init__(self, nodes: Tensor, thresholds: Tensor, shares: Tensor, levels: Tensor) -> None:
        """Hold T trees of up to M nodes.

        Nodes (T, M, 3) int64 are of each the feature, and the nodes below where it is at most, or above, the threshold
        (T, M) float64; a leaf is below itself, and has shares (T, M, K) float32. Levels (L,) of anything are as many as
        the deepest tree has: a shape, so that the network can be exported.
        """
        super().__init__()
        for name, tensor in {"nodes": nodes, "thresholds": thresholds, "shares": shares, "levels": levels}.items():
            self.register_buffer(name, tensor)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, K)."""
        nodes, thresholds, shares = self.get_buffer("nodes"), self.get_buffer("thresholds"), self.get_buffer("shares")
        trees = torch.arange(len(nodes), device=features.device).expand(len(features), -1)
        at = torch.zeros_like(trees)
        for _ in range(len(self.get_buffer("levels"))):
            feature, left, right = nodes[trees, at].unbind(-1)
            at = torch.where(features.gather(1, feature).double() <= thresholds[trees, at], left, right)
        return shares[trees, at].mean(dim=1).clamp_min(_SMALLEST).log()


class NearestHead(nn.Module):
    """Votes of the k nearest training products by cosine: features (N, D) to the logarithm of their shares, (N, K).

    Every class has a K-th of a vote more, so that none is impossible.
    """

    def __init__(self, points: Tensor, votes: Tensor, k: Tensor) -> None:
        """Hold M training products' features of length 1, (M, D), their one-hot classes (M, K), and k, ()."""
        super().__init__()
        for name, tensor in {"points": points, "votes": votes, "k": k}.items():
            self.register_buffer(name, tensor)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, K)."""
        points, votes, k = self.get_buffer("points"), self.get_buffer("votes"), int(self.get_buffer("k"))
        nearest = (nn.functional.normalize(features) @ points.T).topk(k, dim=1).indices
        return ((votes[nearest].sum(dim=1) + 1 / votes.shape[1]) / (k + 1)).log()


def fit_head(
    kind: str, features: np.ndarray, labels: np.ndarray, weights: np.ndarray, n_classes: int, params: ProbeParams
) -> nn.Module:
    """Return a head of a kind, `logreg`, `svm`, `forest` or `knn`, fitted to features (N, D) float32.

    Labels are (N,) int64 below K, weights (N,) float32, which count for nothing in `knn`. A class without products gets
    no probability to speak of.
    """
    if kind == "knn":
        points = nn.functional.normalize(torch.from_numpy(np.array(features)))
        votes = nn.functional.one_hot(torch.from_numpy(labels), n_classes).float()
        return NearestHead(points, votes, torch.tensor(min(params.n_neighbours, len(labels))))
    if kind == "forest":
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(params.n_trees, random_state=0).fit(features, labels, weights)
        return _forest_head(forest, n_classes)
    return linear_head(fit_linear(kind, features, labels, weights, n_classes, params.c))


def fit_linear(
    kind: str, features: np.ndarray, labels: np.ndarray, weights: np.ndarray, n_classes: int, c: float
) -> tuple[Tensor, Tensor]:
    """Return weight (K, D) and bias (K,) float32 of a logistic regression or a linear SVM on standardised features."""
    from sklearn.exceptions import ConvergenceWarning  # which takes a second: heads are read without it
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    scaler = StandardScaler().fit(features)
    logreg, svm = LogisticRegression(C=c, max_iter=1000), LinearSVC(C=c, random_state=0, max_iter=10_000)
    model: Any = logreg if kind == "logreg" else svm
    with warnings.catch_warnings():  # the last digits of a fit that is good enough
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaler.transform(features), labels, sample_weight=weights)
    coefficients, intercepts = np.zeros((n_classes, features.shape[1])), np.full(n_classes, np.log(_SMALLEST))
    found, constants = model.coef_, model.intercept_
    if len(found) == 1:  # of two classes: the margin of the second over the first
        found, constants = np.concatenate([-found, found]) / 2, np.concatenate([-constants, constants]) / 2
    scale, mean = np.asarray(scaler.scale_), np.asarray(scaler.mean_)
    coefficients[model.classes_] = found / scale
    intercepts[model.classes_] = constants - (found / scale) @ mean
    return torch.from_numpy(coefficients).float(), torch.from_numpy(intercepts).float()


def linear_head(fitted: tuple[Tensor, Tensor]) -> nn.Sequential:
    """Return a head of one linear layer with weight (K, D) and bias (K,)."""
    weight, bias = fitted
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight.data, layer.bias.data = weight, bias
    return nn.Sequential(layer)


def head_of(kind: str, tensors: dict[str, Tensor]) -> nn.Module:
    """Return the head of a kind that has these tensors, by their names in its state."""
    if kind in ("logreg", "svm"):
        return linear_head((tensors["0.weight"], tensors["0.bias"]))
    return {"forest": ForestHead, "knn": NearestHead}[kind](**tensors)


def _forest_head(forest: Any, n_classes: int) -> ForestHead:
    trees = [one.tree_ for one in forest.estimators_]
    size = max(tree.node_count for tree in trees)
    nodes, thresholds = np.zeros((len(trees), size, 3), dtype=np.int64), np.zeros((len(trees), size))
    shares = np.zeros((len(trees), size, n_classes), dtype=np.float32)
    for number, tree in enumerate(trees):
        n, own = tree.node_count, np.arange(tree.node_count)
        is_leaf = tree.children_left < 0
        sides = [np.where(is_leaf, own, side) for side in (tree.children_left, tree.children_right)]
        nodes[number, :n] = np.stack([np.maximum(tree.feature, 0), *sides], axis=1)
        thresholds[number, :n] = tree.threshold
        shares[number, :n][:, forest.classes_] = tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True)
    levels = np.zeros(max(tree.max_depth for tree in trees), dtype=np.int64)
    return ForestHead(*map(torch.from_numpy, (nodes, thresholds, shares, levels)))
