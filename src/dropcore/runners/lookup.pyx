# A cache of Runners, by the variant's name and options.
#
# A. The key of a Runner has the name, the options, and the types of the options: 1, True and 1.0
#    are equal, but are different options. If an option cannot be part of a key, each call makes a
#    new Runner.
# B. A variant object is found by its id. The Runner holds a reference to the variant, so the id
#    cannot be reused as long as the Runner is in the cache.
# C. The cache has at most MOST entries, and is emptied when it is full. Otherwise a program that
#    makes a variant for each call would fill memory.

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
    # Returns None if an option cannot be part of a key.
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
