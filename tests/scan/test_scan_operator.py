"""The scan as PyTorch sees it: one operator that is traced, exported, batched and differentiated as a whole."""

import multiprocessing

import pytest

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader, Dataset  # noqa: E402

from bakeoff.core.errors import TrainingError  # noqa: E402
from bakeoff.scan.dispatch import selective_scan, why_unavailable  # noqa: E402
from bakeoff.scan.operator import scan_backward, scan_forward  # noqa: E402

pytestmark = pytest.mark.torch
NAMES = [name for name in ("torch", "cpu") if why_unavailable(name) is None]


def inputs(b=2, d=4, n=3, length=5, *, groups=None, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    shape = (b, n, length) if groups is None else (b, groups, n, length)
    return {
        "u": draw(b, d, length),
        "delta": draw(b, length, d).mT,
        "A": -draw(d, n).exp(),
        "B": draw(*shape),
        "C": draw(*shape),
        "D": draw(d),
        "z": draw(b, d, length),
        "delta_bias": draw(d),
    }


def learnable(given):
    return {key: value.requires_grad_() for key, value in given.items()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("groups", "gate"), [(2, False), pytest.param(None, True, marks=pytest.mark.slow)])
def test_opcheck(name, groups, gate):
    given = learnable(inputs(groups=groups, dtype=torch.float64))
    tensors = [None if key == "z" and not gate else value for key, value in given.items()]
    torch.library.opcheck(scan_forward, (*tensors, True, name, True))
    y, last, saved = scan_forward(*tensors, True, name, True)
    plain = [None if tensor is None else tensor.detach() for tensor in tensors]
    rest = (saved.detach(), torch.randn_like(y), torch.randn_like(last))
    torch.library.opcheck(scan_backward, (*plain, True, name, *rest))


@pytest.mark.parametrize("name", NAMES)
def test_only_the_last_state_may_be_asked_for(name):
    given = learnable(inputs(dtype=torch.float64))

    def last_state(*values):
        return selective_scan(*values, delta_softplus=True, return_last_state=True, implementation=name)[1]

    assert torch.autograd.gradcheck(last_state, tuple(given.values()))


@pytest.mark.parametrize("name", NAMES)
def test_a_second_derivative_is_refused(name):
    u = inputs()["u"].requires_grad_()
    y = selective_scan(**{**inputs(), "u": u}, implementation=name)
    (grad,) = torch.autograd.grad(y.square().sum(), u, create_graph=True)
    with pytest.raises(RuntimeError):
        grad.sum().backward()


def test_nothing_is_kept_where_no_gradient_is_wanted():
    given = inputs()
    for name in NAMES:
        assert scan_forward(*given.values(), True, name, False)[2].shape == (0,)
    kept = scan_forward(*inputs(b=2, d=4, n=3, length=70).values(), True, "torch", True)[2]
    assert kept.shape == (70, 2, 4, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_compiles_without_a_graph_break(name):
    given = learnable(inputs())

    def network(**arguments):
        y, last = selective_scan(**arguments, delta_softplus=True, return_last_state=True, implementation=name)
        return torch.tanh(y) * 2, last

    results = []
    for function in (network, torch.compile(network, fullgraph=True, backend="aot_eager")):
        y, last = function(**given)
        gradients = torch.autograd.grad(y.sum() + last.sum(), list(given.values()))
        results.append([y, last, *gradients])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch's own, inside inductor
def test_compiles_with_inductor_and_a_batch_of_any_size():
    network = torch.compile(
        lambda given: selective_scan(**given, delta_softplus=True).exp(), fullgraph=True, dynamic=True
    )
    for b in (2, 3, 5):
        given = inputs(b=b)
        torch.testing.assert_close(network(given), selective_scan(**given, delta_softplus=True).exp())


def test_exports_as_one_operator():
    class Scan(torch.nn.Module):
        def forward(self, given):
            return selective_scan(**given, delta_softplus=True, implementation="torch")

    given = inputs()
    batch = torch.export.Dim("batch", min=1, max=64)
    batched = ("u", "delta", "B", "C", "z")
    shapes = {"given": {key: {0: batch} if key in batched else None for key in given}}
    program = torch.export.export(Scan(), (given,), dynamic_shapes=shapes)
    names = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert names.count("bakeoff.selective_scan.default") == 1
    other = inputs(b=7, seed=1)
    torch.testing.assert_close(program.module()(other), Scan()(other))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("groups", [None, 2])
def test_vmap_equals_a_loop(name, groups):
    several = [inputs(groups=groups, dtype=torch.float64, seed=seed) for seed in range(3)]
    shared = several[0]
    batched = {key: torch.stack([given[key] for given in several], dim=-1) for key in ("u", "A", "B", "delta_bias")}
    unbatched = {key: value for key, value in shared.items() if key not in batched}

    def call(moving):
        return selective_scan(**moving, **unbatched, delta_softplus=True, return_last_state=True, implementation=name)

    y, last = torch.func.vmap(call, in_dims=(-1,))(batched)
    for index in range(3):
        expected = call({key: value[..., index] for key, value in batched.items()})
        torch.testing.assert_close(y[index], expected[0])
        torch.testing.assert_close(last[index], expected[1])


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_every_product_by_vmap(name):
    given = inputs(b=3, dtype=torch.float64)
    alone = {key: given[key][:, None] for key in ("u", "delta", "B", "C", "z")}
    weights = {key: given[key] for key in ("A", "D", "delta_bias")}

    def loss(weights, product):
        return selective_scan(**product, **weights, delta_softplus=True, implementation=name).square().sum()

    per_product = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, alone)
    for index in range(3):
        expected = torch.func.grad(loss)(weights, {key: value[index] for key, value in alone.items()})
        for key in weights:
            torch.testing.assert_close(per_product[key][index], expected[key])


@pytest.mark.parametrize("name", NAMES)
def test_a_jacobian_batches_the_gradients_alone(name):
    given = inputs(length=40, dtype=torch.float64)  # more than one chunk: what was kept is read

    def sums(values, implementation):
        y = selective_scan(**{**given, **values}, delta_softplus=True, implementation=implementation)
        return y.sum((0, 1))[::13]

    values = {key: given[key] for key in ("delta", "A", "B", "z")}
    for one, other in zip(*(torch.func.jacrev(sums)(values, n).values() for n in (name, "reference")), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_traced_without_gradients_refuses_to_give_them(name):
    y, _, saved = scan_forward(*learnable(inputs()).values(), True, name, False)
    assert saved.shape == (0,)
    with pytest.raises(TrainingError, match=r"the states that the forward pass kept, \(.*\), got \(0,\)"):
        y.sum().backward()


def test_the_operator_itself_refuses_more_states_than_the_kernel_holds():
    if "cpu" in NAMES:
        with pytest.raises(TrainingError, match="at most 64 states, got n = 65"):
            scan_forward(*inputs(n=65).values(), True, "cpu", False)


class Scans(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return selective_scan(**inputs(seed=index))


def test_loader_workers_forked_after_use_scan_as_well():
    torch.set_num_threads(2)
    expected = [Scans()[index] for index in range(4)]
    context = multiprocessing.get_context("fork")
    loaded = list(DataLoader(Scans(), batch_size=None, num_workers=2, multiprocessing_context=context))
    torch.set_num_threads(1)
    for one, other in zip(expected, loaded, strict=True):
        assert torch.equal(one, other)


@pytest.mark.skipif("cpu" not in NAMES, reason="no C++ compiler")
def test_results_do_not_depend_on_the_number_of_threads():
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        given = learnable(inputs(b=3, d=50, n=8, length=70))
        y = selective_scan(**given, delta_softplus=True, implementation="cpu")
        results.append([y, *torch.autograd.grad(y.square().sum(), list(given.values()))])
    torch.set_num_threads(1)
    for other in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], other, strict=True))
