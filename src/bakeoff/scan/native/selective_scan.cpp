// The selective scan and its gradient on a CPU: a plain C interface, so that it needs neither PyTorch's headers nor Python's.
//
//   h_t = exp(D_t A) h_{t-1} + D_t B_t u_t,   y_t = C_t . h_t + skip u_t,   times silu(z_t) where z is given,
//
// with D_t = delta_t + bias or its softplus. Channels stand in the lanes of a vector, states in registers, and time runs in
// chunks of kChunk steps. The forward pass keeps the state before each chunk; the backward pass recomputes one chunk at a
// time from it, so it needs 1/kChunk of the memory that keeping every state would take.
//
// Work is cut by the shapes alone and every sum runs in a fixed order: results do not depend on the number of threads.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "views.h"

namespace scan {

constexpr int kChunk = 32;
constexpr int kMaxStates = 64;

// Mirrored by bakeoff/scan/cpu.py. Views of u, delta, z and their gradients are (b, d, L); A is (d, n); B and C are
// (b, g, n, L); skip and bias are (d,). A, skip and bias are in the working type already.
struct Arguments {
  int64_t batch, channels, length, states, groups, parts, threads, softplus;
  View u, delta, A, B, C, skip, z, bias;
  View y;                 // forward: out
  void* last_state;       // (b, d, n): forward: out
  void* checkpoints;      // (b, chunks, n, d): the state before each chunk; forward: out or null, backward: in
  View grad_y;            // backward: in, all that follows
  void* grad_last;        // (b, d, n), in, may be null
  View grad_u, grad_delta, grad_z;  // out
  void *grad_A, *grad_skip, *grad_bias;  // out: (b, d, n), (b, d), (b, d): to be summed over b
  void *grad_B, *grad_C;  // out: (parts, b, g, n, L): to be summed over parts
};

template <typename Real>
using Vector = typename Lanes<Real>::vector;

// Memory of one thread for one call: each slot grows to the largest piece asked of it and is reused by unit after unit.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    for (Slot& slot : slots_) std::free(slot.data);
  }

  template <typename Value>
  Value* get(int index, size_t count) {
    Slot& slot = slots_[index];
    const size_t bytes = (std::max<size_t>(count, 1) * sizeof(Value) + 63) / 64 * 64;
    if (slot.bytes < bytes) {
      std::free(slot.data);
      slot.bytes = 0;
      slot.data = std::aligned_alloc(64, bytes);
      if (!slot.data) throw std::bad_alloc();
      slot.bytes = bytes;
    }
    return static_cast<Value*>(slot.data);
  }

 private:
  struct Slot {
    void* data = nullptr;
    size_t bytes = 0;
  };
  Slot slots_[8];
};

// One unit of work: some tiles of one group of channels of one product.
struct Unit {
  int64_t batch, group, part, first, last;  // tiles [first, last) of the group
};

template <typename Real>
struct Work {
  explicit Work(const Arguments& a)
      : group_channels(a.channels / a.groups),
        group_tiles((group_channels + Lanes<Real>::width - 1) / Lanes<Real>::width),
        chunks((a.length + kChunk - 1) / kChunk),
        units(a.batch * a.groups * a.parts) {}

  Unit unit(const Arguments& a, int64_t index) const {
    Unit unit{index / (a.groups * a.parts), index / a.parts % a.groups, index % a.parts, 0, 0};
    unit.first = group_tiles * unit.part / a.parts;
    unit.last = group_tiles * (unit.part + 1) / a.parts;
    return unit;
  }

  Place place(const Arguments& a, const Unit& unit, int64_t tile, int64_t chunk) const {
    const int64_t within = tile * Lanes<Real>::width, time = chunk * kChunk;
    return {unit.batch, unit.group * group_channels + within, time,
            static_cast<int>(std::min<int64_t>(Lanes<Real>::width, group_channels - within)),
            static_cast<int>(std::min<int64_t>(kChunk, a.length - time))};
  }

  // The tile that a unit comes to after this one, walking its chunks up or down; no steps after the last.
  Place next(const Arguments& a, const Unit& unit, int64_t tile, int64_t chunk, int direction) const {
    if (tile + 1 < unit.last) return place(a, unit, tile + 1, chunk);
    chunk += direction;
    if (chunk < 0 || chunk >= chunks) return {0, 0, 0, 0, 0};
    return place(a, unit, unit.first, chunk);
  }

  int64_t group_channels, group_tiles, chunks, units;
};

// States of a tile in the (b, chunks, n, d) checkpoints: read or write `states` rows of `lanes` channels.
template <typename Real>
inline Real* checkpoint_row(const Arguments& a, int64_t chunks, const Place& place, int64_t chunk) {
  return static_cast<Real*>(a.checkpoints) + ((place.batch * chunks + chunk) * a.states) * a.channels + place.channel;
}

template <typename Real>
inline Vector<Real> read_lanes(const Real* from, int lanes) {
  Vector<Real> values{};
  std::memcpy(&values, from, lanes * sizeof(Real));
  return values;
}

template <typename Real>
inline void write_lanes(Real* to, Vector<Real> values, int lanes) {
  std::memcpy(to, &values, lanes * sizeof(Real));
}

// A of a tile, times log2(e): exp(D A) = 2^(D A log2 e).
template <typename Real>
inline void load_rates(const Arguments& a, const Place& place, Vector<Real>* rates) {
  const Real* A = static_cast<const Real*>(a.A.data);
  for (int i = 0; i < a.states; ++i) {
    rates[i] = Vector<Real>{};
    for (int lane = 0; lane < place.lanes; ++lane)
      rates[i][lane] = static_cast<Real>(A[(place.channel + lane) * a.A.strides[0] + i * a.A.strides[1]] * kLog2E);
  }
}

// D_t of a tile from the raw delta, in place; with `slope`, also dD/d(raw).
template <typename Real>
inline void step_sizes(const Arguments& a, const Place& place, Vector<Real>* delta, Vector<Real>* slope) {
  const Vector<Real> bias = a.bias.data ? load_channels<Real>(a.bias, place.channel, place.lanes) : Vector<Real>{};
  if (!a.softplus) {
    for (int t = 0; t < place.steps; ++t) {
      delta[t] += bias;
      if (slope) slope[t] = Vector<Real>{} + Real(1);
    }
    return;
  }
  for (int t = 0; t < place.steps; ++t)
    delta[t] = softplus_lanes<Real>(delta[t] + bias, slope ? slope + t : nullptr);
}

// The recurrence over one chunk. N is the number of states where the compiler may know it, else 0.
template <typename Real, int N>
void run_forward(int steps, int states, const Vector<Real>* delta, const Vector<Real>* drive, const Real* B, const Real* C,
                 const Vector<Real>* rates, Vector<Real>* state, Vector<Real>* y) {
  const int n = N ? N : states;
  Vector<Real> h[N ? N : kMaxStates], rate[N ? N : kMaxStates];
  for (int i = 0; i < n; ++i) h[i] = state[i], rate[i] = rates[i];
  for (int t = 0; t < steps; ++t) {
    const Vector<Real> d = delta[t], x = drive[t];
    Vector<Real> out[2] = {};
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) {
      h[i] = exp2_lanes(d * rate[i]) * h[i] + x * B[t * n + i];
      out[i & 1] += h[i] * C[t * n + i];
    }
    y[t] = out[0] + out[1];
  }
  for (int i = 0; i < n; ++i) state[i] = h[i];
}

// What the way back needs of each step of a chunk lies side by side, in frames of 4 n vectors: the decay, the sums of the
// gradients of B and of C over the tiles of a unit, and the state before the step.
constexpr int kDecay = 0, kSumB = 1, kSumC = 2, kState = 3, kFrame = 4;

// The same recurrence, keeping every decay and every state.
template <typename Real, int N>
void rerun_forward(int steps, int count, const Vector<Real>* delta, const Vector<Real>* drive, const Real* B,
                   const Vector<Real>* rates, Vector<Real>* frames) {
  const int n = N ? N : count;
  Vector<Real> h[N ? N : kMaxStates], rate[N ? N : kMaxStates];
  for (int i = 0; i < n; ++i) h[i] = frames[kState * n + i], rate[i] = rates[i];
  for (int t = 0; t < steps; ++t) {
    const Vector<Real> d = delta[t], x = drive[t];
    Vector<Real>* frame = frames + t * kFrame * n;
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) {
      const Vector<Real> decay = exp2_lanes(d * rate[i]);
      h[i] = decay * h[i] + x * B[t * n + i];
      frame[kDecay * n + i] = decay;
      frame[(kFrame + kState) * n + i] = h[i];
    }
  }
}

template <typename Real>
struct Backward {  // one tile, one chunk; all arrays by step
  const Vector<Real>*delta, *u, *grad_y;
  const Real *B, *C;
  const Vector<Real>* rates;
  Vector<Real>*grad_state, *grad_rates;  // (n,), carried from chunk to chunk
  Vector<Real>*grad_delta, *grad_u;
  Vector<Real>* frames;
};

// g_t = C_t dy_t + a_{t+1} g_{t+1} is the gradient of h_t; with p_t = g_t a_t h_{t-1}:
// dD_t = sum_n(p A + g B u), dA = sum_t(p D), du_t = D sum_n(g B), dB_t = sum_d(g D u), dC_t = sum_d(dy h).
template <typename Real, int N>
void run_backward(int steps, int count, const Backward<Real>& c) {
  const int n = N ? N : count;
  Vector<Real> g[N ? N : kMaxStates], grad_rate[N ? N : kMaxStates];
  for (int i = 0; i < n; ++i) g[i] = c.grad_state[i], grad_rate[i] = c.grad_rates[i];
  for (int t = steps - 1; t >= 0; --t) {
    const Vector<Real> d = c.delta[t], u = c.u[t], dy = c.grad_y[t], drive = d * u;
    Vector<Real> through_drive[2] = {}, through_decay[2] = {};
    Vector<Real>* frame = c.frames + t * kFrame * n;
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) {
      const Vector<Real> total = g[i] + dy * c.C[t * n + i];
      frame[kSumC * n + i] += dy * frame[(kFrame + kState) * n + i];
      frame[kSumB * n + i] += total * drive;
      through_drive[i & 1] += total * c.B[t * n + i];
      g[i] = total * frame[kDecay * n + i];
      const Vector<Real> p = g[i] * frame[kState * n + i];
      through_decay[i & 1] += p * c.rates[i];
      grad_rate[i] += p * d;
    }
    const Vector<Real> by_drive = through_drive[0] + through_drive[1];
    c.grad_u[t] = d * by_drive;
    c.grad_delta[t] = u * by_drive + (through_decay[0] + through_decay[1]) * Real(1 / kLog2E);
  }
  for (int i = 0; i < n; ++i) c.grad_state[i] = g[i], c.grad_rates[i] = grad_rate[i];
}

template <typename Real, int N>
void forward_unit(const Arguments& a, const Work<Real>& work, const Unit& unit, Scratch& scratch) {
  const int n = N ? N : static_cast<int>(a.states);
  const int64_t tiles = unit.last - unit.first;
  auto* states = scratch.get<Vector<Real>>(0, tiles * n);
  auto* rates = scratch.get<Vector<Real>>(1, tiles * n);
  auto* B = scratch.get<Real>(2, kChunk * n);
  auto* C = scratch.get<Real>(3, kChunk * n);
  alignas(64) Vector<Real> delta[kChunk], u[kChunk], drive[kChunk], y[kChunk], z[kChunk];
  for (int64_t tile = 0; tile < tiles; ++tile)
    load_rates<Real>(a, work.place(a, unit, unit.first + tile, 0), rates + tile * n);
  std::fill(states, states + tiles * n, Vector<Real>{});
  for (int64_t chunk = 0; chunk < work.chunks; ++chunk) {
    const int64_t time = chunk * kChunk;
    const int steps = static_cast<int>(std::min<int64_t>(kChunk, a.length - time));
    load_matrix<Real>(a.B, unit.batch, unit.group, time, steps, n, B);
    load_matrix<Real>(a.C, unit.batch, unit.group, time, steps, n, C);
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const Place place = work.place(a, unit, unit.first + tile, chunk);
      Vector<Real>* state = states + tile * n;
      if (a.checkpoints)
        for (int i = 0; i < n; ++i)
          write_lanes<Real>(checkpoint_row<Real>(a, work.chunks, place, chunk) + i * a.channels, state[i], place.lanes);
      load_tile<Real>(a.delta, place, delta);
      load_tile<Real>(a.u, place, u);
      if (const Place next = work.next(a, unit, unit.first + tile, chunk, 1); next.steps > 0) {
        prefetch_tile(a.delta, next);
        prefetch_tile(a.u, next);
      }
      step_sizes<Real>(a, place, delta, nullptr);
      for (int t = 0; t < steps; ++t) drive[t] = delta[t] * u[t];
      run_forward<Real, N>(steps, n, delta, drive, B, C, rates + tile * n, state, y);
      if (a.skip.data) {
        const Vector<Real> skip = load_channels<Real>(a.skip, place.channel, place.lanes);
        for (int t = 0; t < steps; ++t) y[t] += skip * u[t];
      }
      if (a.z.data) {
        load_tile<Real>(a.z, place, z);
        for (int t = 0; t < steps; ++t) y[t] *= z[t] * sigmoid_lanes<Real>(z[t]);
      }
      store_tile<Real>(a.y, place, y);
    }
  }
  Real* last = static_cast<Real*>(a.last_state);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const Place place = work.place(a, unit, unit.first + tile, 0);
    for (int i = 0; i < n; ++i)
      for (int lane = 0; lane < place.lanes; ++lane)
        last[(place.batch * a.channels + place.channel + lane) * n + i] = states[tile * n + i][lane];
  }
}

// The gate y silu(z) on the way back: turns the gradient of the gated output into that of y and yields that of z.
template <typename Real>
inline void gate_backward(const Arguments& a, const Place& place, const Vector<Real>* y, Vector<Real>* grad_y) {
  alignas(64) Vector<Real> z[kChunk];
  load_tile<Real>(a.z, place, z);
  for (int t = 0; t < place.steps; ++t) {
    const Vector<Real> gate = sigmoid_lanes<Real>(z[t]), incoming = grad_y[t];
    grad_y[t] = incoming * z[t] * gate;
    z[t] = incoming * y[t] * gate * (Real(1) + z[t] * (Real(1) - gate));
  }
  store_tile<Real>(a.grad_z, place, z);
}

template <typename Real, int N>
void backward_unit(const Arguments& a, const Work<Real>& work, const Unit& unit, Scratch& scratch) {
  const int n = N ? N : static_cast<int>(a.states);
  const int64_t tiles = unit.last - unit.first;
  auto* frames = scratch.get<Vector<Real>>(0, (kChunk + 1) * kFrame * n);
  auto* rates = scratch.get<Vector<Real>>(1, tiles * n);
  auto* B = scratch.get<Real>(2, kChunk * n);
  auto* C = scratch.get<Real>(3, kChunk * n);
  auto* grad_rates = scratch.get<Vector<Real>>(4, tiles * n);
  auto* grad_states = scratch.get<Vector<Real>>(5, tiles * n);
  auto* grad_skip = scratch.get<Vector<Real>>(6, tiles);
  auto* grad_bias = scratch.get<Vector<Real>>(7, tiles);
  alignas(64) Vector<Real> delta[kChunk], slope[kChunk], u[kChunk], drive[kChunk], y[kChunk], grad_y[kChunk];
  alignas(64) Vector<Real> grad_delta[kChunk], grad_u[kChunk];
  std::fill(grad_rates, grad_rates + tiles * n, Vector<Real>{});
  std::fill(grad_skip, grad_skip + tiles, Vector<Real>{});
  std::fill(grad_bias, grad_bias + tiles, Vector<Real>{});
  const Real* grad_last = static_cast<const Real*>(a.grad_last);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const Place place = work.place(a, unit, unit.first + tile, 0);
    load_rates<Real>(a, place, rates + tile * n);
    for (int i = 0; i < n; ++i) {
      Vector<Real>& g = grad_states[tile * n + i];
      g = Vector<Real>{};
      if (grad_last)
        for (int lane = 0; lane < place.lanes; ++lane)
          g[lane] = grad_last[(place.batch * a.channels + place.channel + lane) * n + i];
    }
  }
  for (int64_t chunk = work.chunks - 1; chunk >= 0; --chunk) {
    const int64_t time = chunk * kChunk;
    const int steps = static_cast<int>(std::min<int64_t>(kChunk, a.length - time));
    load_matrix<Real>(a.B, unit.batch, unit.group, time, steps, n, B);
    load_matrix<Real>(a.C, unit.batch, unit.group, time, steps, n, C);
    for (int t = 0; t < steps; ++t)
      std::fill(frames + (t * kFrame + kSumB) * n, frames + (t * kFrame + kState) * n, Vector<Real>{});
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const Place place = work.place(a, unit, unit.first + tile, chunk);
      const Vector<Real>* rate = rates + tile * n;
      load_tile<Real>(a.delta, place, delta);
      load_tile<Real>(a.u, place, u);
      load_tile<Real>(a.grad_y, place, grad_y);
      if (const Place next = work.next(a, unit, unit.first + tile, chunk, -1); next.steps > 0) {
        prefetch_tile(a.delta, next);
        prefetch_tile(a.u, next);
        prefetch_tile(a.grad_y, next);
      }
      step_sizes<Real>(a, place, delta, slope);
      for (int t = 0; t < steps; ++t) drive[t] = delta[t] * u[t];
      for (int i = 0; i < n; ++i)
        frames[kState * n + i] =
            read_lanes<Real>(checkpoint_row<Real>(a, work.chunks, place, chunk) + i * a.channels, place.lanes);
      rerun_forward<Real, N>(steps, n, delta, drive, B, rate, frames);
      const Vector<Real> skip =
          a.skip.data ? load_channels<Real>(a.skip, place.channel, place.lanes) : Vector<Real>{};
      if (a.z.data) {
        for (int t = 0; t < steps; ++t) {
          y[t] = skip * u[t];
          for (int i = 0; i < n; ++i) y[t] += frames[((t + 1) * kFrame + kState) * n + i] * C[t * n + i];
        }
        gate_backward<Real>(a, place, y, grad_y);
      }
      run_backward<Real, N>(steps, n,
                            {delta, u, grad_y, B, C, rate, grad_states + tile * n, grad_rates + tile * n, grad_delta,
                             grad_u, frames});
      for (int t = 0; t < steps; ++t) {
        grad_u[t] += skip * grad_y[t];
        grad_skip[tile] += u[t] * grad_y[t];
        grad_delta[t] *= slope[t];
        grad_bias[tile] += grad_delta[t];
      }
      store_tile<Real>(a.grad_u, place, grad_u);
      store_tile<Real>(a.grad_delta, place, grad_delta);
    }
    const int64_t matrix = ((unit.part * a.batch + unit.batch) * a.groups + unit.group) * n * a.length + time;
    Real *grad_B = static_cast<Real*>(a.grad_B) + matrix, *grad_C = static_cast<Real*>(a.grad_C) + matrix;
    for (int i = 0; i < n; ++i) {
      sum_rows<Real>(frames + kSumB * n + i, kFrame * n, steps, grad_B + i * a.length);
      sum_rows<Real>(frames + kSumC * n + i, kFrame * n, steps, grad_C + i * a.length);
    }
  }
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const Place place = work.place(a, unit, unit.first + tile, 0);
    for (int lane = 0; lane < place.lanes; ++lane) {
      const int64_t row = place.batch * a.channels + place.channel + lane;
      for (int i = 0; i < n; ++i) static_cast<Real*>(a.grad_A)[row * n + i] = grad_rates[tile * n + i][lane];
      static_cast<Real*>(a.grad_skip)[row] = grad_skip[tile][lane];
      static_cast<Real*>(a.grad_bias)[row] = grad_bias[tile][lane];
    }
  }
}

template <typename Real, typename Body>
bool for_units(const Arguments& a, Body body) {
  const Work<Real> work(a);
  std::atomic<bool> enough_memory{true};
#if defined(_OPENMP)
#pragma omp parallel num_threads(static_cast<int>(a.threads)) if (a.threads > 1)
#endif
  {
    Scratch scratch;
#if defined(_OPENMP)
#pragma omp for schedule(dynamic)
#endif
    for (int64_t index = 0; index < work.units; ++index) {
      try {
        body(work, work.unit(a, index), scratch);
      } catch (const std::bad_alloc&) {
        enough_memory = false;
      }
    }
  }
  return enough_memory;
}

template <typename Real>
bool forward(const Arguments& a) {
  return for_units<Real>(a, [&](const Work<Real>& work, const Unit& unit, Scratch& scratch) {
    if (a.states == 8) forward_unit<Real, 8>(a, work, unit, scratch);
    else if (a.states == 16) forward_unit<Real, 16>(a, work, unit, scratch);
    else forward_unit<Real, 0>(a, work, unit, scratch);
  });
}

template <typename Real>
bool backward(const Arguments& a) {
  return for_units<Real>(a, [&](const Work<Real>& work, const Unit& unit, Scratch& scratch) {
    if (a.states == 8) backward_unit<Real, 8>(a, work, unit, scratch);
    else if (a.states == 16) backward_unit<Real, 16>(a, work, unit, scratch);
    else backward_unit<Real, 0>(a, work, unit, scratch);
  });
}

}  // namespace scan

// Each returns 0, or 1 where memory ran out.
extern "C" int bakeoff_scan_forward_float(const scan::Arguments* a) { return scan::forward<float>(*a) ? 0 : 1; }
extern "C" int bakeoff_scan_forward_double(const scan::Arguments* a) { return scan::forward<double>(*a) ? 0 : 1; }
extern "C" int bakeoff_scan_backward_float(const scan::Arguments* a) { return scan::backward<float>(*a) ? 0 : 1; }
extern "C" int bakeoff_scan_backward_double(const scan::Arguments* a) { return scan::backward<double>(*a) ? 0 : 1; }
// What cpu.py mirrors; a test compares.
extern "C" int64_t bakeoff_scan_chunk() { return scan::kChunk; }
extern "C" int64_t bakeoff_scan_arguments_bytes() { return sizeof(scan::Arguments); }
