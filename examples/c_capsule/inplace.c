/* Dropout in place on a buffer of C floats or doubles: an array.array, a NumPy array, or a
 * memoryview of other memory, such as memoryview(bytearray(32)).cast("f").
 *
 *     bits = inplace.forward(buffer, p, rng)
 *     inplace.backward(buffer, p, bits)
 *
 * `rng` is any value that dropcore.dropout accepts as rng=. The kernels run without the GIL.
 */
#include "dropcore/dropcore.h"

static const dropcore_api *dropcore;

/* Get a contiguous, writeable buffer of floats ('f') or doubles ('d'), and their number. */
static int get_numbers(PyObject *object, Py_buffer *view, Py_ssize_t *n)
{
    if (PyObject_GetBuffer(object, view, PyBUF_WRITABLE | PyBUF_FORMAT | PyBUF_ND) < 0)
        return -1;
    if (view->format == NULL || (view->format[0] != 'f' && view->format[0] != 'd')
            || view->format[1] != '\0') {
        PyErr_SetString(PyExc_TypeError, "the buffer must be of floats or doubles");
        PyBuffer_Release(view);
        return -1;
    }
    *n = view->len / view->itemsize;
    return 0;
}

static int is_probability(double p)
{
    if (p >= 0 && p <= 1)
        return 1;
    PyErr_SetString(PyExc_ValueError, "p must be in [0, 1]");
    return 0;
}

static PyObject *forward(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *object, *rng, *bits;
    Py_buffer view;
    Py_ssize_t n;
    double p;
    dropcore_draw draw;
    uint8_t *to;

    if (!PyArg_ParseTuple(args, "OdO", &object, &p, &rng) || !is_probability(p))
        return NULL;
    if (get_numbers(object, &view, &n) < 0)
        return NULL;
    bits = PyBytes_FromStringAndSize(NULL, (n + 7) / 8);
    /* The draw is taken last, so a call that fails takes no draw. */
    if (bits == NULL || dropcore->draw_of(rng, &draw) < 0) {
        Py_XDECREF(bits);
        PyBuffer_Release(&view);
        return NULL;
    }
    to = (uint8_t *)PyBytes_AS_STRING(bits);
    Py_BEGIN_ALLOW_THREADS
    if (view.format[0] == 'f')
        dropcore->forward_float32(&draw, p, 0, n, view.buf, view.buf, to);
    else
        dropcore->forward_float64(&draw, p, 0, n, view.buf, view.buf, to);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    return bits;
}

static PyObject *backward(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *object, *bits;
    Py_buffer view;
    Py_ssize_t n;
    double p;
    dropcore_draw unused = {{0}, 0}; /* with bits, backward does not read the draw */
    const uint8_t *from;

    if (!PyArg_ParseTuple(args, "OdS", &object, &p, &bits) || !is_probability(p))
        return NULL;
    if (get_numbers(object, &view, &n) < 0)
        return NULL;
    if (PyBytes_GET_SIZE(bits) != (n + 7) / 8) {
        PyErr_SetString(PyExc_ValueError, "bits must be the bytes that forward returned");
        PyBuffer_Release(&view);
        return NULL;
    }
    from = (const uint8_t *)PyBytes_AS_STRING(bits);
    Py_BEGIN_ALLOW_THREADS
    if (view.format[0] == 'f')
        dropcore->backward_float32(&unused, p, 0, n, view.buf, view.buf, from);
    else
        dropcore->backward_float64(&unused, p, 0, n, view.buf, view.buf, from);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"forward", forward, METH_VARARGS, "forward(buffer, p, rng) -> bits, one for each element"},
    {"backward", backward, METH_VARARGS, "backward(buffer, p, bits)"},
    {NULL, NULL, 0, NULL},
};

static int prepare(PyObject *Py_UNUSED(module))
{
    dropcore = dropcore_import();
    return dropcore == NULL ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, prepare},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "inplace", "Dropout in place.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_inplace(void)
{
    return PyModuleDef_Init(&definition);
}
