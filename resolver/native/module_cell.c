/* Cell: what a client has left of its rate, which both Python and the threads change. */
#include "module.h"

#include <math.h>

struct cell_object {
    PyObject_HEAD
    _Atomic int64_t left;
};

_Atomic int64_t *module_cell_left(PyObject *cell)
{
    return &((struct cell_object *)(void *)cell)->left;
}

static PyObject *cell_take(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    int64_t left = atomic_load_explicit(module_cell_left(self), memory_order_relaxed);
    while (left >= 1 && left != CLIENTS_UNBOUNDED)
        if (atomic_compare_exchange_weak_explicit(module_cell_left(self), &left, left - 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            break;
    return PyBool_FromLong(left >= 1);
}

/* Give back what one query has taken. */
static PyObject *cell_give(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    int64_t left = atomic_load_explicit(module_cell_left(self), memory_order_relaxed);
    while (left < CLIENTS_UNBOUNDED - 1)
        if (atomic_compare_exchange_weak_explicit(module_cell_left(self), &left, left + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            break;
    Py_RETURN_NONE;
}

static PyObject *cell_left(PyObject *self, void *ignored)
{
    (void)ignored;
    int64_t left = atomic_load_explicit(module_cell_left(self), memory_order_relaxed);
    return PyFloat_FromDouble(left == CLIENTS_UNBOUNDED ? (double)INFINITY : (double)left);
}

static int cell_set_left(PyObject *self, PyObject *value, void *ignored)
{
    (void)ignored;
    double left = value == NULL ? -1 : PyFloat_AsDouble(value);
    if (PyErr_Occurred())
        return -1;
    if (!(left >= 0)) {
        PyErr_SetString(PyExc_ValueError, "not a count of queries");
        return -1;
    }
    atomic_store_explicit(module_cell_left(self), left < 0x1p62 ? (int64_t)left : CLIENTS_UNBOUNDED, memory_order_relaxed);
    return 0;
}

int module_add_cell(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"take", cell_take, METH_NOARGS, NULL},
        {"give", cell_give, METH_NOARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyGetSetDef fields[] = {
        {"left", cell_left, cell_set_left, NULL, NULL},
        {NULL, NULL, NULL, NULL, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, MODULE_SLOT(module_free)},
        {Py_tp_methods, methods},
        {Py_tp_getset, fields},
        {0, NULL},
    };
    static PyType_Spec spec = {"resolver.native._native.Cell", sizeof(struct cell_object), 0, Py_TPFLAGS_DEFAULT,
                               slots};
    return module_add_type(module, &spec, &module_cell_type);
}
