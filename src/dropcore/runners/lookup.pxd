from dropcore.mask cimport Runner

cdef Runner runner_for(object variant, dict options)
