"""Pieces of the Triton kernels: where a tile lies in memory and in registers, and the recurrence along it.

A tile (D, T), T = 8 G, is loaded whole and split into 8 tensors (D, G), so that a thread holds 8 consecutive steps of a
channel whatever the memory layout. Within the 8 the recurrence is plain arithmetic, and a neighbour in time is another
register; only the G groups of a row are joined by an associative scan.
"""

# Triton's tuples know `+` alone, and its compiler types what pyright cannot.
# ruff: noqa: PLR0913, PLR0917, RUF005
# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportArgumentType=false, reportCallIssue=false

import triton
import triton.language as tl

RUN = tl.constexpr(8)  # consecutive steps of one channel that one thread holds
_LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def place(d, groups, tiles, ROWS: tl.constexpr, WIDE: tl.constexpr):
    """Return the tile's number in its group, product, group, first channel, rows (D,) and which rows exist (D, 1)."""
    program = tl.program_id(0).to(tl.int64)
    tile, unit = program % tiles, program // tiles
    batch, group = unit // groups, unit % groups
    rows = tl.arange(0, ROWS)
    if WIDE:
        rows = rows.to(tl.int64)
    channels = d // groups
    live = (tile * ROWS + rows < channels)[:, None]
    return tile, batch, group, group * channels + tile * ROWS, rows, live


@triton.jit
def wide(index):
    """Return an index, which may be a plain integer in the interpreter, as int64."""
    return tl.full((), 0, tl.int64) + index


@triton.jit
def matrix(view, batch, group):
    """Return the address of a product's and group's (n, L) in B or C."""
    return view[0] + batch * view[1] + group * view[2]


@triton.jit
def at(view, batch, first, time, rows, inside, WIDE: tl.constexpr):
    """Return the tile's addresses (D, T)."""
    columns = tl.arange(0, inside.shape[1])
    if WIDE:
        columns = columns.to(tl.int64)
    start = view[0] + batch * view[1] + first * view[2] + wide(time) * view[3]
    return start + rows[:, None] * view[2] + columns[None, :] * view[3]


@triton.jit
def load(view, batch, first, time, rows, inside, WORK: tl.constexpr, WIDE: tl.constexpr):
    """Return a tile (D, T) of a view (b, d, L) in the working type, 0 outside."""
    return tl.load(at(view, batch, first, time, rows, inside, WIDE), mask=inside, other=0.0).to(WORK)


@triton.jit
def store(view, batch, first, time, rows, inside, value, WIDE: tl.constexpr):
    """Write a tile (D, T) into a view (b, d, L), in that view's type."""
    tl.store(at(view, batch, first, time, rows, inside, WIDE), value.to(view[0].dtype.element_ty), mask=inside)


@triton.jit
def load_channels(view, first, rows, live, WORK: tl.constexpr):
    """Return one number a channel, (D, 1)."""
    return tl.load(view[0] + first * view[1] + rows[:, None] * view[1], mask=live, other=0.0).to(WORK)


@triton.jit
def rate(A, first, rows, live, i, WORK: tl.constexpr):
    """Return A of state i, (D, 1)."""
    return tl.load(A[0] + first * A[1] + i * A[2] + rows[:, None] * A[1], mask=live, other=0.0).to(WORK)


@triton.jit
def load_row(start, view, i, time, column, length, WORK: tl.constexpr):
    """Return state i of B or C as 8 tensors (1, G)."""
    out = ()
    for k in tl.static_range(RUN):
        times = time + column * RUN + k
        at = start + wide(i) * view[3] + times.to(tl.int64) * view[4]
        out = out + (tl.load(at, mask=times < length, other=0.0).to(WORK),)
    return out


@triton.jit
def step(raw, bias, first, rows, live, SOFTPLUS: tl.constexpr):
    """Return Δ from what was given: the bias added and softplus applied where asked."""
    if bias is not None:
        raw += load_channels(bias, first, rows, live, raw.dtype)
    if SOFTPLUS:
        raw = tl.maximum(raw, 0.0) + log1p(tl.exp(-tl.abs(raw)))
    return raw


@triton.jit
def log1p(e):
    """Return log(1 + e) for e in [0, 1], also where e is small: 2 artanh(e / (2 + e)), whose terms fall 9-fold."""
    t = e / (e + 2.0)
    s = t * t
    TERMS: tl.constexpr = 18 if e.dtype == tl.float64 else 8
    total = s * 0.0 + 1.0 / (2 * TERMS - 1)
    for k in tl.static_range(1, TERMS):
        total = total * s + 1.0 / (2 * (TERMS - k) - 1)
    return 2.0 * t * total


@triton.jit
def sigmoid(x):
    """Return the logistic function; an exponential that overflows gives its limit 0."""
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def compose(earlier_decay, earlier, decay, later):
    """Compose two affine maps h → decay h + x."""
    return earlier_decay * decay, decay * earlier + later


@triton.jit
def run_groups(decay, added, entering, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Return the decay over each group, the state after it and the state before it, each (D, G)."""
    product = decay[0]
    end = added[0]
    for k in tl.static_range(1, RUN):
        end = decay[k] * end + added[k]
        product *= decay[k]
    column = tl.arange(0, COLUMNS)[None, :]
    end = tl.where(column == 0, product * entering + end, end)
    _, end = tl.associative_scan((product, end), 1, compose)
    shifted = tl.gather(end, tl.broadcast_to(tl.maximum(column - 1, 0), (ROWS, COLUMNS)), 1)
    return product, end, tl.where(column == 0, entering, shifted)


@triton.jit
def run_groups_back(decay, from_y, product, from_later, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Return r just right of each group, (D, G)."""
    r = decay[RUN - 1] * from_y[RUN - 1]
    for k in tl.static_range(1, RUN):
        r = decay[RUN - 1 - k] * (from_y[RUN - 1 - k] + r)
    column = tl.arange(0, COLUMNS)[None, :]
    r = tl.where(column == COLUMNS - 1, product * from_later + r, r)
    _, r = tl.associative_scan((product, r), 1, compose, reverse=True)
    shifted = tl.gather(r, tl.broadcast_to(tl.minimum(column + 1, COLUMNS - 1), (ROWS, COLUMNS)), 1)
    return tl.where(column == COLUMNS - 1, from_later, shifted)


@triton.jit
def walk(decay, added, h):
    """Return a_t h_{t-1} and h_t, 8 tensors (D, G) each, from the states before the groups."""
    decayed, states = (), ()
    for k in tl.static_range(RUN):
        before = decay[k] * h
        h = before + added[k]
        decayed, states = decayed + (before,), states + (h,)
    return decayed, states


@triton.jit
def walk_back(decay, from_y, r):
    """Return g_t, 8 tensors (D, G), and r at each group's first step."""
    gradient = ()
    for k in tl.static_range(RUN):
        g = from_y[RUN - 1 - k] + r
        r = decay[RUN - 1 - k] * g
        gradient = (g,) + gradient
    return gradient, r


@triton.jit
def decays(step, rate):
    """Return a_t = exp(Δ_t A) for one state: 8 tensors (D, G) from Δ and its A (D, 1)."""
    out = ()
    for k in tl.static_range(RUN):
        out = out + (tl.exp2(step[k] * (rate * _LOG2E)),)
    return out


@triton.jit
def multiply(one, other):
    """Return the products of two times 8 tensors."""
    out = ()
    for k in tl.static_range(RUN):
        out = out + (one[k] * other[k],)
    return out


@triton.jit
def add(one, other):
    """Return the sums of two times 8 tensors."""
    out = ()
    for k in tl.static_range(RUN):
        out = out + (one[k] + other[k],)
    return out


@triton.jit
def scale(values, factor):
    """Return 8 tensors times one factor."""
    out = ()
    for k in tl.static_range(RUN):
        out = out + (values[k] * factor,)
    return out


@triton.jit
def total(values):
    """Return the sum of 8 tensors."""
    total = values[0]
    for k in tl.static_range(1, RUN):
        total += values[k]
    return total


@triton.jit
def zeros(ROWS: tl.constexpr, COLUMNS: tl.constexpr, WORK: tl.constexpr):
    """Return 8 tensors (D, G) of zeros."""
    out = ()
    for _ in tl.static_range(RUN):
        out = out + (tl.zeros((ROWS, COLUMNS), WORK),)
    return out


@triton.jit
def split(tile):
    """Return a tile (D, 8 G) as 8 tensors (D, G), the k-th of the steps 8 g + k."""
    x = tl.reshape(tile, (tile.shape[0], tile.shape[1] // RUN, 2, 2, 2))
    even, odd = tl.split(x)
    x0, x2 = tl.split(even)
    x1, x3 = tl.split(odd)
    k0, k4 = tl.split(x0)
    k2, k6 = tl.split(x2)
    k1, k5 = tl.split(x1)
    k3, k7 = tl.split(x3)
    return k0, k1, k2, k3, k4, k5, k6, k7


@triton.jit
def join_runs(parts):
    """Return 8 tensors (D, G) as one (D, G, 2, 2, 2)."""
    even = tl.join(tl.join(parts[0], parts[4]), tl.join(parts[2], parts[6]))
    odd = tl.join(tl.join(parts[1], parts[5]), tl.join(parts[3], parts[7]))
    return tl.join(even, odd)


@triton.jit
def join(parts):
    """Return 8 tensors (D, G) as the tile (D, 8 G) that `split` takes apart."""
    return tl.reshape(join_runs(parts), (parts[0].shape[0], parts[0].shape[1] * RUN))


@triton.jit
def sum_channels(parts):
    """Return the sum over the tile's channels, (8 G,)."""
    return tl.reshape(tl.sum(join_runs(parts), axis=0), (parts[0].shape[1] * RUN,))
