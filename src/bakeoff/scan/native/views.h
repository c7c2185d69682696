// Tensors as the caller holds them (any strides, three element types) and their tiles in working precision.
// A tile is `width` channels side by side: time runs down the rows, so every step of the recurrence is one vector.
#pragma once

#include <type_traits>
#include <utility>

#include "vector.h"

namespace scan {

enum ElementType : int32_t { kFloat32 = 0, kFloat64 = 1, kBFloat16 = 2 };

// Mirrored by bakeoff/scan/cpu.py. Strides count elements; `data` is null for an argument left out.
struct View {
  void* data;
  int64_t strides[4];
  int64_t type;
};

struct BFloat16 {
  uint16_t bits;
  operator float() const {
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
  }
  BFloat16() = default;
  explicit BFloat16(float value) {  // round to nearest even; NaN stays NaN
    uint32_t wide;
    std::memcpy(&wide, &value, sizeof wide);
    bits = value != value ? 0x7FC0 : static_cast<uint16_t>((wide + 0x7FFF + ((wide >> 16) & 1)) >> 16);
  }
};

template <typename Body>
inline void with_element(int64_t type, Body body) {
  if (type == kFloat32) body(static_cast<float*>(nullptr));
  else if (type == kFloat64) body(static_cast<double*>(nullptr));
  else body(static_cast<BFloat16*>(nullptr));
}

// Lanes of two vectors in turn, from their first or from their second halves.
template <int first, int... I>
inline Floats interleave(Floats a, Floats b, std::integer_sequence<int, I...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, (first + I / 2 + (I % 2) * Lanes<float>::width)...);
#else
  const Lanes<float>::integers order = {(first + I / 2 + (I % 2) * Lanes<float>::width)...};
  return __builtin_shuffle(a, b, order);
#endif
}

// Transpose a square of floats in registers: each round of interleaving its halves rotates the bits of an element's
// index by one, so log2(width) rounds exchange row and lane.
inline void transpose_square(Floats* rows) {
  constexpr int width = Lanes<float>::width;
  constexpr auto lanes = std::make_integer_sequence<int, width>{};
  Floats next[width];
  for (int round = 1; round < width; round *= 2) {
    for (int row = 0; row < width / 2; ++row) {
      next[2 * row] = interleave<0>(rows[row], rows[row + width / 2], lanes);
      next[2 * row + 1] = interleave<width / 2>(rows[row], rows[row + width / 2], lanes);
    }
    for (int row = 0; row < width; ++row) rows[row] = next[row];
  }
}

// The sums over the lanes of every `stride`-th vector: out[t] = sum(vectors[t * stride]).
template <typename Real>
inline void sum_rows(const typename Lanes<Real>::vector* vectors, int stride, int count, Real* out) {
  constexpr int width = Lanes<Real>::width;
  int t = 0;
  if constexpr (std::is_same_v<Real, float>)
    for (; t + width <= count; t += width) {
      Floats square[width];
      for (int row = 0; row < width; ++row) square[row] = vectors[(t + row) * stride];
      transpose_square(square);
      for (int row = 1; row < width; ++row) square[0] += square[row];
      std::memcpy(out + t, &square[0], sizeof square[0]);
    }
  for (; t < count; ++t) {
    Real total = 0;
    for (int lane = 0; lane < width; ++lane) total += vectors[t * stride][lane];
    out[t] = total;
  }
}

template <typename Real, typename Element>
inline void load_elements(const Element* from, int64_t channel_stride, int64_t time_stride, int lanes, int steps,
                          typename Lanes<Real>::vector* tile) {
  constexpr int width = Lanes<Real>::width;
  if (channel_stride == 1) {
    for (int t = 0; t < steps; ++t) {
      const Element* row = from + t * time_stride;
      Real values[width] = {};
      if (lanes == width)
        for (int lane = 0; lane < width; ++lane) values[lane] = static_cast<Real>(row[lane]);
      else
        for (int lane = 0; lane < lanes; ++lane) values[lane] = static_cast<Real>(row[lane]);
      std::memcpy(&tile[t], values, sizeof values);
    }
    return;
  }
  int t = 0;
  if constexpr (std::is_same_v<Real, float> && std::is_same_v<Element, float>) {
    if (time_stride == 1 && lanes == width)
      for (; t + width <= steps; t += width) {
        typename Lanes<Real>::vector square[width];
        for (int lane = 0; lane < width; ++lane) std::memcpy(&square[lane], from + lane * channel_stride + t, sizeof square[0]);
        transpose_square(square);
        for (int row = 0; row < width; ++row) tile[t + row] = square[row];
      }
  }
  Real* values = reinterpret_cast<Real*>(tile);
  for (int lane = 0; lane < width; ++lane)
    for (int row = t; row < steps; ++row)
      values[row * width + lane] = lane < lanes ? static_cast<Real>(from[lane * channel_stride + row * time_stride]) : Real(0);
}

template <typename Real, typename Element>
inline void store_elements(Element* to, int64_t channel_stride, int64_t time_stride, int lanes, int steps,
                           const typename Lanes<Real>::vector* tile) {
  constexpr int width = Lanes<Real>::width;
  const Real* values = reinterpret_cast<const Real*>(tile);
  if (channel_stride == 1) {
    for (int t = 0; t < steps; ++t)
      for (int lane = 0; lane < lanes; ++lane) to[t * time_stride + lane] = Element(values[t * width + lane]);
    return;
  }
  int t = 0;
  if constexpr (std::is_same_v<Real, float> && std::is_same_v<Element, float>) {
    if (time_stride == 1 && lanes == width)
      for (; t + width <= steps; t += width) {
        typename Lanes<Real>::vector square[width];
        for (int row = 0; row < width; ++row) square[row] = tile[t + row];
        transpose_square(square);
        for (int lane = 0; lane < width; ++lane) std::memcpy(to + lane * channel_stride + t, &square[lane], sizeof square[0]);
      }
  }
  for (int lane = 0; lane < lanes; ++lane)
    for (int row = t; row < steps; ++row)
      to[lane * channel_stride + row * time_stride] = Element(values[row * width + lane]);
}

// Where a tile starts: product `batch`, channel `channel`, step `time`; `lanes` of its channels exist.
struct Place {
  int64_t batch, channel, time;
  int lanes, steps;
};

template <typename Element>
inline Element* start_of(const View& view, const Place& place) {
  return static_cast<Element*>(view.data) + place.batch * view.strides[0] + place.channel * view.strides[1] +
         place.time * view.strides[2];
}

template <typename Real>
inline void load_tile(const View& view, const Place& place, typename Lanes<Real>::vector* tile) {
  with_element(view.type, [&](auto* element) {
    using Element = std::remove_pointer_t<decltype(element)>;
    load_elements<Real, Element>(start_of<Element>(view, place), view.strides[1], view.strides[2], place.lanes, place.steps,
                                 tile);
  });
}

// Ask for a tile's memory ahead of its use. A tile is short pieces of rows far apart, which no hardware prefetcher
// follows.
inline void prefetch_tile(const View& view, const Place& place) {
  with_element(view.type, [&](auto* element) {
    using Element = std::remove_pointer_t<decltype(element)>;
    const Element* start = start_of<Element>(view, place);
    const bool by_time = view.strides[1] == 1;
    const int64_t rows = by_time ? place.steps : place.lanes, row_stride = by_time ? view.strides[2] : view.strides[1];
    const int64_t bytes = by_time ? place.lanes * sizeof(Element) : place.steps * view.strides[2] * sizeof(Element);
    if (bytes > 4096) return;  // neither runs along memory
    for (int64_t row = 0; row < rows; ++row) {
      const char* line = reinterpret_cast<const char*>(start + row * row_stride);
      for (int64_t offset = 0; offset < bytes; offset += 64) __builtin_prefetch(line + offset);
      __builtin_prefetch(line + bytes - 1);
    }
  });
}

template <typename Real>
inline void store_tile(const View& view, const Place& place, const typename Lanes<Real>::vector* tile) {
  with_element(view.type, [&](auto* element) {
    using Element = std::remove_pointer_t<decltype(element)>;
    store_elements<Real, Element>(start_of<Element>(view, place), view.strides[1], view.strides[2], place.lanes,
                                  place.steps, tile);
  });
}

// One value per channel of a (d,) view; 0 in the lanes that do not exist.
template <typename Real>
inline typename Lanes<Real>::vector load_channels(const View& view, int64_t channel, int lanes) {
  typename Lanes<Real>::vector values{};
  const Real* from = static_cast<const Real*>(view.data);
  for (int lane = 0; lane < lanes; ++lane) values[lane] = from[(channel + lane) * view.strides[0]];
  return values;
}

// Rows of a (b, g, n, L) view for `steps` steps, as (steps, n) in working precision.
template <typename Real>
inline void load_matrix(const View& view, int64_t batch, int64_t group, int64_t time, int steps, int states, Real* out) {
  with_element(view.type, [&](auto* element) {
    using Element = std::remove_pointer_t<decltype(element)>;
    const Element* from = static_cast<const Element*>(view.data) + batch * view.strides[0] + group * view.strides[1] +
                          time * view.strides[3];
    for (int i = 0; i < states; ++i)
      for (int t = 0; t < steps; ++t)
        out[t * states + i] = static_cast<Real>(from[i * view.strides[2] + t * view.strides[3]]);
  });
}

}  // namespace scan
