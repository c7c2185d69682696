// Fixed-width vectors through the GCC/Clang vector extension, and the two functions that the scan spends its time in.
// AVX gets the two instructions that the extension cannot name, minimum and maximum.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#define SCAN_VECTOR_BYTES 64
#elif defined(__AVX__)
#include <immintrin.h>
#define SCAN_VECTOR_BYTES 32
#else
#define SCAN_VECTOR_BYTES 16
#endif

namespace scan {

template <typename Real>
struct Lanes;

template <>
struct Lanes<float> {
  typedef float vector __attribute__((vector_size(SCAN_VECTOR_BYTES)));
  typedef int32_t integers __attribute__((vector_size(SCAN_VECTOR_BYTES)));
  static constexpr int width = SCAN_VECTOR_BYTES / 4;
};

template <>
struct Lanes<double> {
  typedef double vector __attribute__((vector_size(SCAN_VECTOR_BYTES)));
  static constexpr int width = SCAN_VECTOR_BYTES / 8;
};

using Floats = Lanes<float>::vector;
using Doubles = Lanes<double>::vector;

constexpr double kLog2E = 1.4426950408889634;

inline Floats clamp_lanes(Floats x, float low, float high) {
  const Floats lows = Floats{} + low, highs = Floats{} + high;
#if defined(__AVX512F__)
  return (Floats)_mm512_min_ps((__m512)highs, _mm512_max_ps((__m512)lows, (__m512)x));  // x second: a NaN is kept
#elif defined(__AVX__)
  return (Floats)_mm256_min_ps((__m256)highs, _mm256_max_ps((__m256)lows, (__m256)x));
#else
  x = x < lows ? lows : x;  // a NaN fails the comparison and is kept
  return x > highs ? highs : x;
#endif
}

// 2^x for every lane, within 1.5 units in the last place of it; 2^-126 below that, infinity from 2^128, NaN stays NaN.
// Adding 1.5 * 2^23 rounds x to a whole number and leaves that number in the low bits, from where a shift takes it to
// the exponent: additions and shifts have execution units of their own beside the multiplications of the polynomial,
// a minimax fit of 2^f on [-1/2, 1/2] with a relative error of 2e-9.
inline Floats exp2_lanes(Floats x) {
  typedef Lanes<float>::integers Integers;
  x = clamp_lanes(x, -126.0f, 128.0f);
  const Floats shifted = x + 12582912.0f;
  const Floats f = x - (shifted - 12582912.0f);
  Floats p = f * 0.0001535336196f + 0.001339887502f;
  p = p * f + 0.009618436918f;
  p = p * f + 0.05550332367f;
  p = p * f + 0.2402264774f;
  p = p * f + 0.6931471825f;
  p = p * f + 1.0f;
  return (Floats)((Integers)p + ((Integers)shifted << 23));
}

inline Doubles exp2_lanes(Doubles x) {
  for (int lane = 0; lane < Lanes<double>::width; ++lane) x[lane] = std::exp2(x[lane]);
  return x;
}

// log(1 + e) for e in [0, 1]: 2 artanh(e / (2 + e)), whose series converges like 9^-k there; relative error 2e-7.
inline Floats log1p_unit_lanes(Floats e) {
  const Floats t = e / (e + 2.0f);
  const Floats s = t * t;
  Floats p = s * (1.0f / 15) + (1.0f / 13);
  p = p * s + (1.0f / 11);
  p = p * s + (1.0f / 9);
  p = p * s + (1.0f / 7);
  p = p * s + (1.0f / 5);
  p = p * s + (1.0f / 3);
  p = p * s + 1.0f;
  return 2.0f * t * p;
}

inline Doubles log1p_unit_lanes(Doubles e) {
  for (int lane = 0; lane < Lanes<double>::width; ++lane) e[lane] = std::log1p(e[lane]);
  return e;
}

template <typename Vec>
inline Vec magnitude(Vec x) {
  return x < 0 ? -x : x;
}

// The logistic function, from the exponential of -|x|: no overflow on either side.
template <typename Real, typename Vec>
inline Vec sigmoid_lanes(Vec x) {
  const Vec e = exp2_lanes(magnitude(x) * Real(-kLog2E));
  const Vec one = Vec{} + Real(1);
  return (x < 0 ? e : one) / (one + e);
}

// softplus(x) = max(x, 0) + log(1 + exp(-|x|)), with no overflow and no threshold, and its slope, the logistic function.
template <typename Real, typename Vec>
inline Vec softplus_lanes(Vec x, Vec* slope) {
  const Vec e = exp2_lanes(magnitude(x) * Real(-kLog2E));
  if (slope) {
    const Vec one = Vec{} + Real(1);
    *slope = (x < 0 ? e : one) / (one + e);
  }
  return (x < 0 ? Vec{} : x) + log1p_unit_lanes(e);
}

}  // namespace scan
