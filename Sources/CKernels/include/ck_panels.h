#pragma once

#include <stddef.h>

/// Columns of a panel: two registers of sixteen.
enum { CK_PANEL = 32 };

/// One block of a product whose operands lie in a cache:
/// c[i][j] (+)= sum over k < depth of a[i a_row + k a_step] b[k b_step + j], for i < rows and j < columns, where
/// columns is 16 or 32. Every sum runs over k in order, so how rows are grouped does not change a bit.
/// `next`: the operand that the call after this one takes for b, which is fetched meanwhile; b where there is none.
void ck_panel_product(float *c, size_t c_row, const float *a, size_t a_row, size_t a_step, const float *b,
                      size_t b_step, const float *next, size_t rows, size_t columns, size_t depth,
                      int accumulate);
