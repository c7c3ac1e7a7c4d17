# The compiled interface: see _core/api.pxd.

# written by tools/write_interface.py: imports
from dropcore._core.api cimport (
    DROPCORE_ABI, dropcore_abi, dropcore_backward_bfloat16, dropcore_backward_float16,
    dropcore_backward_float32, dropcore_backward_float64, dropcore_draw, dropcore_draw_at,
    dropcore_forward_bfloat16, dropcore_forward_float16, dropcore_forward_float32,
    dropcore_forward_float64, dropcore_forward_plan_bfloat16, dropcore_forward_plan_float16,
    dropcore_forward_plan_float32, dropcore_forward_plan_float64, dropcore_forward_shard_bfloat16,
    dropcore_forward_shard_float16, dropcore_forward_shard_float32, dropcore_forward_shard_float64,
    dropcore_keep_bits, dropcore_keep_shard, dropcore_layout, dropcore_layout_decisions,
    dropcore_layout_of, dropcore_layout_scratch, dropcore_path, dropcore_path_add_integer,
    dropcore_path_add_text, dropcore_path_of_bytes, dropcore_path_of_integer, dropcore_plan,
    dropcore_repeat_bfloat16, dropcore_repeat_float16, dropcore_repeat_float32,
    dropcore_repeat_float64, dropcore_scale, dropcore_select_bfloat16, dropcore_select_float16,
    dropcore_select_float32, dropcore_select_float64, dropcore_select_layout_bfloat16,
    dropcore_select_layout_float16, dropcore_select_layout_float32, dropcore_select_layout_float64,
    dropcore_set_index, dropcore_shard, dropcore_shard_decisions, dropcore_shard_of,
    dropcore_tile_bfloat16, dropcore_tile_float16, dropcore_tile_float32, dropcore_tile_float64,
    dropcore_words,
)
from dropcore.rng cimport dropcore_draw_of
# end of imports
