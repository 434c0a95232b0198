#include "include/ck_winograd.h"

#include "include/ck_panels.h"
#include "ck_winograd_blocks.h"

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t divided(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t padded(size_t n) { return divided(n, CK_LANES) * CK_LANES; }
/// The size of a block when `count` is cut into as many equal blocks as `limit` asks for.
static size_t even_block(size_t count, size_t limit) { return divided(count, divided(count, limit)); }

static ck_winograd plan_of(size_t batch, size_t height, size_t width, size_t input, size_t output) {
  size_t rows = divided(height, 4), columns = divided(width, 4);
  return (ck_winograd){.batch = batch,
                       .height = height,
                       .width = width,
                       .input = input,
                       .output = output,
                       .tile_rows = rows,
                       .tile_columns = columns,
                       .tiles = batch * rows * columns,
                       .tile_chunks = 1};
}

// Sizes of blocks, measured on a core with 1 MiB of second-level cache: 28 tiles are two full register blocks; wider
// blocks of output channels save input transforms, and the sums of 28 x 128 x 36 still leave room for the rest.
enum { TILES = 28, INPUTS = CK_BLOCK_CHANNELS, OUTPUTS = 128, GRADIENT_OUTPUTS = CK_BLOCK_CHANNELS, ENOUGH_JOBS = 8 };

ck_winograd ck_winograd_product_plan(size_t batch, size_t height, size_t width, size_t input, size_t output) {
  ck_winograd plan = plan_of(batch, height, width, input, output);
  plan.input_block = least(INPUTS, padded(input));
  size_t tile_limit = TILES, output_limit = OUTPUTS;
  for (;;) {
    plan.tile_block = even_block(plan.tiles, tile_limit);
    plan.output_block = least(output_limit, padded(output));
    plan.jobs = divided(plan.tiles, plan.tile_block) * divided(output, plan.output_block);
    if (plan.jobs >= ENOUGH_JOBS || tile_limit <= 7) break;
    if (output_limit > CK_PANEL && output > CK_PANEL)
      output_limit /= 2;
    else
      tile_limit /= 2;
  }
  size_t weight_block = CK_POSITIONS * ck_matrix_step(plan.input_block, CK_PANEL);
  plan.scratch = CK_POSITIONS * (ck_matrix_step(plan.tile_block, plan.input_block) +
                                 ck_matrix_step(plan.tile_block, plan.output_block)) +
                 weight_block;
  // Weights that many blocks of tiles share are transformed once, where those of one block of outputs (at most 2.5 MiB)
  // come back from a cache sooner than they are transformed anew.
  plan.transformed = ck_winograd_weight_jobs(&plan) * weight_block;
  size_t together = divided(input, plan.input_block) * divided(plan.output_block, CK_PANEL) * weight_block;
  if (divided(plan.tiles, plan.tile_block) > 4 && together <= 5u << 17 && plan.transformed <= 2u << 20)
    plan.shared = plan.transformed;
  return plan;
}

size_t ck_winograd_weight_jobs(const ck_winograd *plan) {
  return divided(plan->input, plan->input_block) * divided(plan->output, CK_PANEL);
}

/// Block `job` of the transformed weights: panels of output channels, in each the blocks of input channels.
static void weight_block(const ck_winograd *plan, const float *weights, int transposed, float *u, size_t job) {
  size_t blocks = divided(plan->input, plan->input_block);
  size_t input = job % blocks * plan->input_block, output = job / blocks * CK_PANEL;
  ck_transform_weights(u, ck_matrix_step(plan->input_block, CK_PANEL), CK_PANEL, plan, weights, transposed,
                       input, least(plan->input_block, plan->input - input), output,
                       least(CK_PANEL, plan->output - output));
}

void ck_winograd_transform_weights(const ck_winograd *plan, const float *weights, int transposed, float *shared,
                                   size_t job) {
  weight_block(plan, weights, transposed,
               shared + job * CK_POSITIONS * ck_matrix_step(plan->input_block, CK_PANEL), job);
}

void ck_winograd_product(const ck_winograd *plan, const ck_winograd_operands *operands, const float *shared,
                         float *scratch, size_t job) {
  size_t tile_blocks = divided(plan->tiles, plan->tile_block), blocks = divided(plan->input, plan->input_block);
  size_t first = job % tile_blocks * plan->tile_block, tiles = least(plan->tile_block, plan->tiles - first);
  size_t output = job / tile_blocks * plan->output_block;
  size_t outputs = least(plan->output_block, plan->output - output);
  size_t data_step = ck_matrix_step(plan->tile_block, plan->input_block);
  size_t sum_step = ck_matrix_step(plan->tile_block, plan->output_block);
  size_t weight_step = ck_matrix_step(plan->input_block, CK_PANEL);
  float *data = scratch, *sums = data + CK_POSITIONS * data_step, *own = sums + CK_POSITIONS * sum_step;
  ck_map x = {operands->x, operands->x_stride};
  for (size_t b = 0; b < blocks; b++) {
    size_t input = b * plan->input_block, inputs = least(plan->input_block, plan->input - input);
    ck_transform_data(data, data_step, plan->input_block, plan, x, first, tiles, input, inputs);
    for (size_t k = 0; k < outputs; k += CK_PANEL) {
      size_t columns = least(CK_PANEL, padded(outputs - k)), place = (output + k) / CK_PANEL * blocks + b;
      const float *u = shared ? shared + place * CK_POSITIONS * weight_step : own;
      if (!shared) weight_block(plan, operands->weights, operands->transposed, own, place);
      // Weights that come from memory are on their way one product ahead.
      size_t following = k + CK_PANEL < outputs ? place + blocks : output / CK_PANEL * blocks + b + 1;
      const float *after = shared ? shared + following * CK_POSITIONS * weight_step : own;
      for (size_t i = 0; i < CK_POSITIONS; i++)
        ck_panel_product(sums + i * sum_step + k, plan->output_block, data + i * data_step, plan->input_block, 1,
                         u + i * weight_step, CK_PANEL, i + 1 < CK_POSITIONS ? u + (i + 1) * weight_step : after,
                         tiles, columns, inputs, b > 0);
    }
  }
  ck_transform_outputs(sums, sum_step, plan->output_block, plan, operands, first, tiles, output, outputs);
}

ck_winograd ck_winograd_weight_plan(size_t batch, size_t height, size_t width, size_t input, size_t output) {
  ck_winograd plan = plan_of(batch, height, width, input, output);
  plan.input_block = least(INPUTS, padded(input));
  plan.output_block = least(GRADIENT_OUTPUTS, padded(output));
  plan.tile_block = even_block(plan.tiles, TILES);
  size_t pairs = divided(input, plan.input_block) * divided(output, plan.output_block);
  // A layer of few channels has few pairs of blocks: its many tiles are shared out, 64 jobs or so in all.
  plan.tile_chunks = least(divided(plan.tiles, 4 * plan.tile_block), divided(64, pairs));
  plan.jobs = pairs * plan.tile_chunks;
  plan.scratch = CK_POSITIONS * (ck_matrix_step(plan.tile_block, plan.input_block) +
                                 ck_matrix_step(plan.tile_block, plan.output_block) +
                                 ck_matrix_step(plan.input_block, plan.output_block));
  if (plan.tile_chunks > 1) plan.shared = plan.tile_chunks * 9 * input * output;
  return plan;
}

void ck_winograd_weight_gradient(const ck_winograd *plan, const float *x, size_t x_stride, const float *dy,
                                 size_t dy_stride, float *dw, float *partial, float *scratch, size_t job) {
  size_t chunk = job % plan->tile_chunks, pair = job / plan->tile_chunks;
  size_t output_blocks = divided(plan->output, plan->output_block);
  size_t input = pair / output_blocks * plan->input_block, output = pair % output_blocks * plan->output_block;
  size_t inputs = least(plan->input_block, plan->input - input);
  size_t outputs = least(plan->output_block, plan->output - output);
  size_t data_step = ck_matrix_step(plan->tile_block, plan->input_block);
  size_t slope_step = ck_matrix_step(plan->tile_block, plan->output_block);
  size_t sum_step = ck_matrix_step(plan->input_block, plan->output_block);
  float *data = scratch, *slopes = data + CK_POSITIONS * data_step;
  float *sums = slopes + CK_POSITIONS * slope_step;
  size_t begin = plan->tiles * chunk / plan->tile_chunks, end = plan->tiles * (chunk + 1) / plan->tile_chunks;
  for (size_t first = begin; first < end; first += plan->tile_block) {
    size_t tiles = least(plan->tile_block, end - first);
    ck_transform_data(data, data_step, plan->input_block, plan, (ck_map){x, x_stride}, first, tiles, input,
                      inputs);
    ck_transform_slopes(slopes, slope_step, plan->output_block, plan, (ck_map){dy, dy_stride}, first, tiles,
                        output, outputs);
    for (size_t i = 0; i < CK_POSITIONS; i++)
      for (size_t k = 0; k < outputs; k += CK_PANEL)
        ck_panel_product(sums + i * sum_step + k, plan->output_block, data + i * data_step, 1, plan->input_block,
                         slopes + i * slope_step + k, plan->output_block, slopes + i * slope_step + k, inputs,
                         least(CK_PANEL, padded(outputs - k)), tiles, first > begin);
  }
  float *to = plan->tile_chunks > 1 ? partial + chunk * 9 * plan->input * plan->output : dw;
  ck_transform_weight_slopes(sums, sum_step, plan->output_block, plan, to, plan->tile_chunks == 1, input, inputs,
                             output, outputs);
}

CK_CLONES void ck_winograd_sum_chunks(const ck_winograd *plan, float *dw, const float *partial, size_t first,
                                      size_t count) {
  size_t size = 9 * plan->input * plan->output;
  for (size_t chunk = 0; chunk < plan->tile_chunks; chunk++)
    for (size_t i = first; i < first + count; i++) dw[i] += partial[chunk * size + i];
}
