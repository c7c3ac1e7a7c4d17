# The Runner of a variant, by the variant's name and options: made once and remembered.
#
# A. A name with options is a key of its own. 1, True and 1.0 are equal, but are not one option, so
#    the types of values are part of a key. Where a value has no safe key, the Runner is made anew.
# B. A variant that was passed itself is found by its id. Its Runner holds a reference to it, so the
#    id cannot be reused as long as the Runner is remembered.
# C. At most MOST are remembered: a program that makes a variant for each call would fill memory.

from dropcore.mask cimport Runner, runner_of

from dropcore.plugins import get_variant
from dropcore.variants.base import Variant

cdef enum:
    MOST = 1024

cdef dict runners = {}


cdef Runner runner_for(object variant, dict options):
    cdef Runner found
    key = variant if type(variant) is str and not options else key_of(variant, options)
    found = runners.get(key) if key is not None else None
    if found is None:
        found = runner_of(get_variant(variant, **options))
        if key is not None:
            if len(runners) >= MOST:
                runners.clear()
            runners[key] = found
    return found


cdef object key_of(object variant, dict options):
    # None where there is no safe key.
    if type(variant) is not str:
        return id(variant) if isinstance(variant, Variant) and not options else None
    key = [variant]
    for name, value in options.items():
        key.append(name)
        key.append(value)
        if type(value) is tuple:
            for each in <tuple> value:
                if type(each) is not int:
                    return None
        elif type(value) is not int and value is not None:
            if type(value) is not float and type(value) is not str and type(value) is not bool:
                return None
            key.append(type(value))
    return tuple(key)
