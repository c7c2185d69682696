"""The selective scan's Triton kernels; importing this needs Triton. `triton_kernel` launches them and says why so.

A tile is D channels (rows) by T = 8 G steps; `triton_tiles` says how it lies in registers. A view is a tuple (pointer,
stride of each axis).
"""

# A kernel takes its pointers and sizes one by one, and Triton's compiler types what pyright cannot.
# ruff: noqa: PLR0913, PLR0915, PLR0917
# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportArgumentType=false, reportCallIssue=false

import triton
import triton.language as tl

from bakeoff.scan import triton_tiles as tt

_SIZES = ["n", "d", "length", "batches", "groups", "tiles", "per_B", "per_C"]
"""One compilation serves all of these; only strides of 1 and multiples of 16 are compiled in."""


@triton.jit(do_not_specialize=_SIZES)
def scan_forward(
    u, delta, A, B, C, skip, z, bias, y, last_state, between, n, d, length, batches, groups, tiles, per_B, per_C,
    SOFTPLUS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, WORK: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Write y, the last state (b, d, n) and the states between chunks (b, chunks - 1, n, d).

    One program is one tile of channels of one product. `per_B` groups of channels share one group of B, `per_C` of C.
    """
    _, batch, group, first, rows, live = tt.place(d, groups, tiles, ROWS, WIDE)
    column = tl.arange(0, COLUMNS)[None, :]  # (1, G)
    B_at, C_at = tt.matrix(B, batch, group // per_B), tt.matrix(C, batch, group // per_C)
    last_at = last_state + ((batch * d + first + rows) * n)[:, None]
    chunks = tl.cdiv(length, COLUMNS * tt.RUN)
    for chunk in range(chunks):
        time = chunk * COLUMNS * tt.RUN
        inside = live & (time + tl.arange(0, COLUMNS * tt.RUN)[None, :] < length)  # (D, T)
        inputs = tt.load(u, batch, first, time, rows, inside, WORK, WIDE)
        step = tt.step(tt.load(delta, batch, first, time, rows, inside, WORK, WIDE), bias, first, rows, live, SOFTPLUS)
        step = tt.split(tl.where(inside, step, 0.0))  # past the end the state stays as it is
        drive = tt.multiply(step, tt.split(inputs))
        after = between + (batch * (chunks - 1) + chunk) * n * d + first + rows[:, None]  # (D, 1)
        out = tt.zeros(ROWS, COLUMNS, WORK)
        for i in range(n):
            decay = tt.decays(step, tt.rate(A, first, rows, live, i, WORK))
            added = tt.multiply(drive, tt.load_row(B_at, B, i, time, column, length, WORK))
            entering = tl.load(after + (i - n) * d, mask=live & (chunk > 0), other=0.0)
            _product, end, h = tt.run_groups(decay, added, entering, ROWS, COLUMNS)
            _decayed, states = tt.walk(decay, added, h)
            out = tt.add(out, tt.multiply(states, tt.load_row(C_at, C, i, time, column, length, WORK)))
            ending = live & (column == COLUMNS - 1)
            tl.store(after + i * d + column * 0, end, mask=ending & (chunk < chunks - 1))
            tl.store(last_at + i + column * 0, end, mask=ending & (chunk == chunks - 1))
        whole = tt.join(out)  # (D, T)
        if skip is not None:
            whole += tt.load_channels(skip, first, rows, live, WORK) * inputs
        if z is not None:
            gate = tt.load(z, batch, first, time, rows, inside, WORK, WIDE)
            whole *= gate * tt.sigmoid(gate)
        tt.store(y, batch, first, time, rows, inside, whole, WIDE)
        tl.debug_barrier()  # the next chunk reads from `between` what other threads of this program wrote


@triton.jit(do_not_specialize=_SIZES)
def scan_backward(
    u, delta, A, B, C, skip, z, bias, between, grad_y, grad_last, grad_u, grad_delta, grad_z,
    carry, grad_A, grad_skip, grad_bias, grad_B, grad_C, n, d, length, batches, groups, tiles, per_B, per_C,
    SOFTPLUS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, WORK: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Write the gradients, chunks from the last to the first; sums over products and tiles are left to the caller.

    `carry` is scratch, shaped as `between`; grad_A is (b, chunks, n, d), grad_skip and grad_bias (b, d), grad_B and
    grad_C (tiles, b, groups, n, L).

    The formulas are those of `vectorised.backward`; what runs from right to left is r_t = a_t g_t.
    """
    tile, batch, group, first, rows, live = tt.place(d, groups, tiles, ROWS, WIDE)
    column = tl.arange(0, COLUMNS)[None, :]
    B_at, C_at = tt.matrix(B, batch, group // per_B), tt.matrix(C, batch, group // per_C)
    chunks = tl.cdiv(length, COLUMNS * tt.RUN)
    sum_skip = tl.zeros((ROWS, 1), WORK)
    sum_bias = tl.zeros((ROWS, 1), WORK)
    for later in range(chunks):
        chunk = chunks - 1 - later
        time = chunk * COLUMNS * tt.RUN
        times = time + tl.arange(0, COLUMNS * tt.RUN)
        inside = live & (times[None, :] < length)
        inputs = tt.load(u, batch, first, time, rows, inside, WORK, WIDE)
        step = tt.step(tt.load(delta, batch, first, time, rows, inside, WORK, WIDE), bias, first, rows, live, SOFTPLUS)
        step = tt.split(tl.where(inside, step, 0.0))
        us = tt.split(inputs)
        drive = tt.multiply(step, us)
        incoming = tt.load(grad_y, batch, first, time, rows, inside, WORK, WIDE)
        boundary = (batch * (chunks - 1) + chunk) * n * d + first + rows[:, None]  # (D, 1): after the chunk
        if z is not None:
            whole = tt.zeros(ROWS, COLUMNS, WORK)
            for i in range(n):
                decay = tt.decays(step, tt.rate(A, first, rows, live, i, WORK))
                added = tt.multiply(drive, tt.load_row(B_at, B, i, time, column, length, WORK))
                entering = tl.load(between + boundary + (i - n) * d, mask=live & (chunk > 0), other=0.0)
                _product, _end, h = tt.run_groups(decay, added, entering, ROWS, COLUMNS)
                _decayed, states = tt.walk(decay, added, h)
                whole = tt.add(whole, tt.multiply(states, tt.load_row(C_at, C, i, time, column, length, WORK)))
            out = tt.join(whole)
            if skip is not None:
                out += tt.load_channels(skip, first, rows, live, WORK) * inputs
            gate = tt.load(z, batch, first, time, rows, inside, WORK, WIDE)
            opening = tt.sigmoid(gate)
            slope = opening * (1.0 + gate * (1.0 - opening))
            tt.store(grad_z, batch, first, time, rows, inside, incoming * out * slope, WIDE)
            incoming *= gate * opening
        sum_skip += tl.sum(incoming * inputs, axis=1, keep_dims=True)
        dy = tt.split(incoming)
        by_drive = tt.zeros(ROWS, COLUMNS, WORK)  # Σ_n(g B)
        by_decay = tt.zeros(ROWS, COLUMNS, WORK)  # Σ_n(p A)
        for i in range(n):
            rate = tt.rate(A, first, rows, live, i, WORK)
            decay = tt.decays(step, rate)
            B_i = tt.load_row(B_at, B, i, time, column, length, WORK)
            added = tt.multiply(drive, B_i)
            entering = tl.load(between + boundary + (i - n) * d, mask=live & (chunk > 0), other=0.0)
            product, _end, h = tt.run_groups(decay, added, entering, ROWS, COLUMNS)
            decayed, states = tt.walk(decay, added, h)
            from_later = tl.load(carry + boundary + i * d, mask=live & (later > 0), other=0.0)
            if grad_last is not None:
                last_at = grad_last + ((batch * d + first + rows) * n)[:, None]
                from_later += tl.load(last_at + i, mask=live & (later == 0), other=0.0)
            from_y = tt.multiply(dy, tt.load_row(C_at, C, i, time, column, length, WORK))
            r = tt.run_groups_back(decay, from_y, product, from_later, ROWS, COLUMNS)
            g, r = tt.walk_back(decay, from_y, r)
            tl.store(carry + boundary + (i - n) * d + column * 0, r, mask=live & (column == 0) & (chunk > 0))
            p = tt.multiply(g, decayed)
            by_drive = tt.add(by_drive, tt.multiply(g, B_i))
            by_decay = tt.add(by_decay, tt.scale(p, rate))
            sum_A = tl.sum(tt.total(tt.multiply(p, step)), axis=1, keep_dims=True)
            tl.store(grad_A + ((batch * chunks + chunk) * n + i) * d + first + rows[:, None], sum_A, mask=live)
            row = (((tile * batches + batch) * groups + group) * n + i) * length + times
            tl.store(grad_B + row, tt.sum_channels(tt.multiply(g, drive)), mask=times < length)
            tl.store(grad_C + row, tt.sum_channels(tt.multiply(dy, states)), mask=times < length)
        grad_in = tt.join(tt.multiply(step, by_drive))
        if skip is not None:
            grad_in += tt.load_channels(skip, first, rows, live, WORK) * incoming
        grad_step = tt.join(tt.add(tt.multiply(us, by_drive), by_decay))
        if SOFTPLUS:
            raw = tt.load(delta, batch, first, time, rows, inside, WORK, WIDE)
            if bias is not None:
                raw += tt.load_channels(bias, first, rows, live, WORK)
            grad_step *= tt.sigmoid(raw)
        sum_bias += tl.sum(tl.where(inside, grad_step, 0.0), axis=1, keep_dims=True)
        tt.store(grad_u, batch, first, time, rows, inside, grad_in, WIDE)
        tt.store(grad_delta, batch, first, time, rows, inside, grad_step, WIDE)
        tl.debug_barrier()  # the next chunk reads from `carry` what other threads of this program wrote
    tl.store(grad_skip + batch * d + first + rows[:, None], sum_skip, mask=live)
    tl.store(grad_bias + batch * d + first + rows[:, None], sum_bias, mask=live)
