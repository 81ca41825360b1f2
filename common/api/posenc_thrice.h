/* SPDX-License-Identifier: MIT
 *
 * Includes the file PE_THRICE in double, float and quad, with PE_H(name) and PE_H_REAL set: types
 * that exist in three precisions are written once. No include guard: it is used again and again. */
#define PE_H(name) name##_f64
#define PE_H_REAL  double
#include PE_THRICE
#undef PE_H
#undef PE_H_REAL
#define PE_H(name) name##_f32
#define PE_H_REAL  float
#include PE_THRICE
#undef PE_H
#undef PE_H_REAL
#define PE_H(name) name##_f128
#define PE_H_REAL  pe_quad
#include PE_THRICE
#undef PE_H
#undef PE_H_REAL
#undef PE_THRICE
