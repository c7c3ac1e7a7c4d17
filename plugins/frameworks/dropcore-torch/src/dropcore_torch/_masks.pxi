# The mask of one tensor: forward and backward by the kernels. The variant's plan is computed once
# for each p and shape.

# ------------------------------------------------------------------------- kernels

cdef void fused(
    const dropcore_draw* draw, double p, const dropcore_plan* plan,
    const Seen* x,  # IN
    const Seen* y,  # OUT
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    # Each element has a decision of its own; one kernel makes the decisions and uses them.
    cdef void* a = <void*> x.address
    cdef void* b = <void*> y.address
    if x.dtype == FLOAT32:
        dropcore_forward_plan_float32(draw, p, 0, x.n, plan, <const float*> a, <float*> b, bits)
    elif x.dtype == FLOAT64:
        dropcore_forward_plan_float64(draw, p, 0, x.n, plan, <const double*> a, <double*> b, bits)
    elif x.dtype == FLOAT16:
        dropcore_forward_plan_float16(
            draw, p, 0, x.n, plan, <const uint16_t*> a, <uint16_t*> b, bits
        )
    else:
        dropcore_forward_plan_bfloat16(
            draw, p, 0, x.n, plan, <const uint16_t*> a, <uint16_t*> b, bits
        )


cdef void select(
    const uint8_t* bits, const dropcore_plan* plan,
    const Seen* x,  # IN
    const Seen* y,  # OUT
) noexcept nogil:
    # Each element has a decision of its own; elements are in C order.
    cdef void* a = <void*> x.address
    cdef void* b = <void*> y.address
    if x.dtype == FLOAT32:
        dropcore_select_float32(bits, 0, x.n, plan, <const float*> a, <float*> b)
    elif x.dtype == FLOAT64:
        dropcore_select_float64(bits, 0, x.n, plan, <const double*> a, <double*> b)
    elif x.dtype == FLOAT16:
        dropcore_select_float16(bits, 0, x.n, plan, <const uint16_t*> a, <uint16_t*> b)
    else:
        dropcore_select_bfloat16(bits, 0, x.n, plan, <const uint16_t*> a, <uint16_t*> b)


cdef void select_layout(
    const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
    const Seen* x,  # IN
    const Seen* y,  # OUT
    uint8_t* scratch,  # OUT
) noexcept nogil:
    cdef void* a = <void*> x.address
    cdef void* b = <void*> y.address
    if x.dtype == FLOAT32:
        dropcore_select_layout_float32(layout, bits, plan, <const float*> a, <float*> b, scratch)
    elif x.dtype == FLOAT64:
        dropcore_select_layout_float64(layout, bits, plan, <const double*> a, <double*> b, scratch)
    elif x.dtype == FLOAT16:
        dropcore_select_layout_float16(
            layout, bits, plan, <const uint16_t*> a, <uint16_t*> b, scratch
        )
    else:
        dropcore_select_layout_bfloat16(
            layout, bits, plan, <const uint16_t*> a, <uint16_t*> b, scratch
        )


# --------------------------------------------------------------------------- plans

@cython.final
cdef class Plan:
    # The plan of a rule for one p and shape.
    cdef object rule  # this reference keeps the rule alive, so its id is not reused
    cdef dropcore_plan forward
    cdef dropcore_plan backward
    cdef uint64_t shared  # bit a is 1 if decisions are shared along axis a


cdef dict plans = {}


def plan_numbers(x, double p, rule):
    """Return scale, shift, drop and shared axes for the node; None if it cannot use the plan."""
    cdef Plan plan = plan_of(x, p, rule)
    if plan is None:
        return None
    return plan.forward.scale, plan.forward.shift, plan.forward.drop, plan.shared


cdef Plan plan_of(x, double p, rule):
    # Returns None if this module does not support the variant or the shape.
    cdef Plan plan
    cdef int axes
    key = id(rule), p, x.shape
    plan = plans.get(key)
    if plan is not None:
        return plan
    axes = x.dim()
    asked = rule.variant.plan(p, tuple(x.shape))
    plan = Plan.__new__(Plan)
    plan.rule = rule
    plan.shared = 0
    shared = asked.shared_axes
    for axis in shared if isinstance(shared, tuple) else (shared,):
        if not -axes <= axis < axes or plan.shared >> axis % axes & 1:
            return None  # other code raises the error
        plan.shared |= <uint64_t> 1 << axis % axes
    set_plan(plan, asked.scale, asked.shift, asked.drop)
    if len(plans) >= 1024:
        plans.clear()
    plans[key] = plan
    return plan


cdef void set_plan(Plan plan, double scale, double shift, double drop) noexcept:
    plan.forward.scale = plan.backward.scale = scale
    plan.forward.shift, plan.forward.drop = shift, drop
    plan.backward.shift = plan.backward.drop = 0


# --------------------------------------------------------------------------- masks

@cython.final
cdef class Mask:
    # The decisions for one tensor.

    cdef dropcore_draw draw
    cdef double p
    cdef Py_ssize_t n
    cdef Py_ssize_t decisions
    cdef bint in_order  # each element has a decision of its own, and x is contiguous in C order
    cdef Plan plan
    cdef object copy  # a copy of x if x has gaps; None after its use

    cdef tuple forward(self, x, bint keep_bits):
        # Returns y and a tensor with the bits for `backward`. Without `keep_bits` there is None in
        # place of the tensor.
        cdef Seen source, target, packed
        cdef dropcore_layout layout
        cdef uint8_t* bits = NULL
        cdef bint in_order, small = self.n < SMALL
        kept = None
        if self.copy is not None:
            x, self.copy = self.copy, None
        if keep_bits or not self.in_order:
            kept = BITS.new_empty(self.decisions + 7 >> 3)
        y = self.like(x, &source, &target)
        in_order = source.plain and self.plan.shared == 0
        if in_order != self.in_order or (
            not in_order and not find_layout(&source, self.plan.shared, &layout)
        ):
            raise RuntimeError(MOVED)
        if kept is not None:
            look_at(kept, &packed)
            bits = <uint8_t*> packed.address
        if not in_order:
            self.apply_layout(&layout, bits, True, &self.plan.forward, &source, &target)
        elif small:
            fused(&self.draw, self.p, &self.plan.forward, &source, &target, bits)
        else:
            with nogil:
                fused(&self.draw, self.p, &self.plan.forward, &source, &target, bits)
        return y, kept

    cdef object backward(self, dy, kept):
        # A tangent may have another dtype than x. A gradient may be sparse, or a zero tensor
        # without memory.
        cdef Seen source, target, packed
        cdef dropcore_layout layout
        cdef uint8_t* bits
        cdef bint in_order
        if not look_at(dy, &source) or not self.can_take(&source):
            if transforms.are_in_the_way(dy):
                return gradient_by_operators(dy, self, kept)
            dy = dense(dy).contiguous().resolve_neg()
        dx = self.like(dy, &source, &target)
        in_order = source.plain and self.plan.shared == 0
        if not in_order and not find_layout(&source, self.plan.shared, &layout):
            raise RuntimeError(MOVED)
        if (
            not look_at(kept, &packed) or packed.dtype != UINT8 or not packed.plain
            or packed.n != self.decisions + 7 >> 3
        ):
            raise RuntimeError(
                "a hook of saved tensors must give back the packed decisions unchanged: uint8 "
                f"in the CPU's memory, not {kept!r}"
            )
        bits = <uint8_t*> packed.address
        if not in_order:
            self.apply_layout(&layout, bits, False, &self.plan.backward, &source, &target)
        elif self.n < SMALL:
            select(bits, &self.plan.backward, &source, &target)
        else:
            with nogil:
                select(bits, &self.plan.backward, &source, &target)
        return dx

    cdef bint can_take(self, const Seen* source) noexcept:
        cdef dropcore_layout layout
        return source.dtype != UINT8 and (
            source.plain or find_layout(source, self.plan.shared, &layout)
        )

    cdef object apply_layout(
        self, const dropcore_layout* layout, uint8_t* bits, bint decide, const dropcore_plan* plan,
        const Seen* source, const Seen* target,
    ):
        cdef Py_ssize_t size = dropcore_layout_scratch(layout)
        cdef bytes memory = PyBytes_FromStringAndSize(NULL, size)
        cdef uint8_t* scratch = <uint8_t*> PyBytes_AS_STRING(memory)
        if self.n < SMALL:
            if decide:
                dropcore_keep_bits(
                    &self.draw, self.p, 0, dropcore_layout_decisions(layout), bits
                )
            select_layout(layout, bits, plan, source, target, scratch)
            return None
        with nogil:
            if decide:
                dropcore_keep_bits(
                    &self.draw, self.p, 0, dropcore_layout_decisions(layout), bits
                )
            select_layout(layout, bits, plan, source, target, scratch)
        return None

    cdef object like(
        self, x,
        Seen* source,  # OUT
        Seen* target,  # OUT
    ):
        # Returns a tensor for the result. The memory of both tensors is read last: every call of
        # PyTorch may run other code, which may replace the memory of a tensor.
        cdef bint large = self.n >= MANY and self.n * x.element_size() >= LARGE_BYTES
        y = large_like(x) if large else empty_like(x)
        if not look_at(x, source) or not look_at(y, target):
            raise no_memory(x)
        if source.n != self.n or not lie_alike(source, target):
            raise RuntimeError(MOVED)
        return y


cdef str MOVED = "a tensor was given other memory while its dropout was computed"
cdef object BITS = torch.empty(0, dtype=torch.uint8, device="cpu")


cdef object no_memory(x):
    return TypeError(f"{type(x).__name__} of {x.dtype}: no memory that dropout can use")


cdef bint find_layout(
    const Seen* seen, uint64_t shared,
    dropcore_layout* layout,  # OUT
) noexcept:
    return dropcore_layout_of(seen.axes, seen.length, seen.stride, shared, layout)
