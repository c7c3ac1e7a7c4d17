# The compiled interface: see _core/api.pxd.

from dropcore._core.api cimport (
    dropcore_backward_bfloat16, dropcore_backward_float16, dropcore_backward_float32,
    dropcore_backward_float64, dropcore_draw, dropcore_forward_bfloat16,
    dropcore_forward_float16, dropcore_forward_float32, dropcore_forward_float64,
    dropcore_keep_bits, dropcore_set_index, dropcore_words,
)
from dropcore.stream cimport dropcore_draw_of, dropcore_key
