/* Loop: receives, answers and sends without the interpreter, and counts. */
#include "module.h"

#include <stdlib.h>
#include <string.h>

struct loop_object {
    PyObject_HEAD
    struct counters *counters;
    struct loop *loop;
};

static struct loop_object *of(PyObject *self)
{
    return (struct loop_object *)(void *)self;
}

struct loop *module_loop_of(PyObject *self)
{
    return of(self)->loop;
}

struct counters *module_counters_of(PyObject *self)
{
    return of(self)->counters;
}

static void loop_object_free(PyObject *self)
{
    free(of(self)->loop);
    if (of(self)->counters != NULL)
        free(of(self)->counters->events);
    free(of(self)->counters);
    module_free(self);
}

/* Make counters of what Python gives: numbers of types (unsigned 16 bits each), and bounds (double). */
static struct counters *make_counters(const char *types, Py_ssize_t types_size, unsigned rcodes, const char *bounds,
                                      Py_ssize_t bounds_size)
{
    uint16_t numbers[COUNTERS_TYPES];
    double upper[COUNTERS_BOUNDS];
    if ((size_t)types_size > sizeof numbers || (size_t)bounds_size > sizeof upper || types_size % 2 || bounds_size % 8)
        return NULL;
    memcpy(numbers, types, (size_t)types_size);
    memcpy(upper, bounds, (size_t)bounds_size);
    return counters_create(numbers, (size_t)types_size / 2, rcodes, upper, (size_t)bounds_size / 8);
}

static PyObject *loop_object_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"types", "rcodes", "bounds", NULL};
    const char *types, *bounds;
    Py_ssize_t types_size, bounds_size;
    unsigned rcodes;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y#Iy#", names, &types, &types_size, &rcodes, &bounds,
                                     &bounds_size))
        return NULL;
    struct counters *counters = make_counters(types, types_size, rcodes, bounds, bounds_size);
    if (counters == NULL)
        return PyErr_Format(PyExc_ValueError, "counters for more than there is room for");
    PyObject *self = PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        free(counters);
        return NULL;
    }
    of(self)->counters = counters;
    of(self)->loop = loop_create(counters);
    counters->events = events_create();
    if (module_no_memory(of(self)->loop) || module_no_memory(counters->events))
        Py_CLEAR(self);
    return self;
}

static PyObject *packed(struct loop_bytes of)
{
    return module_bytes(of.bytes, of.size);
}

/* Add what the last pass left: (message, address it came from, control messages, why, profile, set). */
static int add_left(const struct loop *loop, PyObject *list)
{
    unsigned count;
    const struct loop_left *left = loop_left(loop, &count);
    for (unsigned i = 0; i < count; i++) {
        PyObject *one = Py_BuildValue(
            "(NNNIII)", packed(loop_wire(loop, left[i].number)), packed(loop_peer(loop, left[i].number)),
            packed(loop_control(loop, left[i].number)), (unsigned)left[i].why, left[i].profile, left[i].set);
        int failed = one == NULL || PyList_Append(list, one) < 0;
        Py_XDECREF(one);
        if (failed)
            return -1;
    }
    return 0;
}

static PyObject *serve(PyObject *self, PyObject *args)
{
    int descriptor, passes, came;
    PyObject *snapshot, *cache;
    if (!PyArg_ParseTuple(args, "iO!O!i", &descriptor, module_snapshot_type, &snapshot, module_cache_type, &cache,
                          &passes))
        return NULL;
    struct loop *loop = of(self)->loop;
    struct known known = module_known_of(snapshot, cache);
    PyObject *list = PyList_New(0);
    if (list == NULL)
        return NULL;
    do {
        unsigned count = 0;
        Py_BEGIN_ALLOW_THREADS
        do {
            came = loop_pass(loop, descriptor, &known, (struct loop_asks){NULL, 0, 0});
            if (came > 0)
                loop_left(loop, &count);
        } while (--passes > 0 && came > 0 && count == 0);
        Py_END_ALLOW_THREADS
        if (came > 0 && add_left(loop, list) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    } while (passes > 0 && came > 0);
    return list;
}

PyObject *module_numbers(const counter *first, size_t count)
{
    PyObject *packed = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(8 * count));
    for (size_t i = 0; packed != NULL && i < count; i++) {
        uint64_t number = counter_read(first + i);
        memcpy(PyBytes_AsString(packed) + 8 * i, &number, sizeof number);
    }
    return packed;
}

/* Return how many queries were answered by asking upstream. */
static PyObject *forwarded(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    const struct counters *counters = of(self)->counters;
    unsigned long long sum = 0;
    for (unsigned i = 0; i < counters->rcode_count; i++)
        sum += counter_read(&counters->rcodes[ANSWER_FORWARD][i]);
    return PyLong_FromUnsignedLongLong(sum);
}

static PyObject *tally(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    const struct counters *counters = of(self)->counters;
    PyObject *requests = PyList_New(0), *answered = PyList_New(0);
    for (int family = 0; requests != NULL && family < COUNTERS_FAMILIES; family++) {
        PyObject *one = module_numbers(counters->requests[family], counters->type_count);
        if (one == NULL || PyList_Append(requests, one) < 0)
            Py_CLEAR(requests);
        Py_XDECREF(one);
    }
    for (int source = 0; answered != NULL && source < ANSWER_SOURCES; source++) {
        PyObject *one = Py_BuildValue("(NNd)", module_numbers(counters->rcodes[source], counters->rcode_count),
                                      module_numbers(counters->durations[source], counters->bound_count + 1),
                                      atomic_load_explicit(&counters->seconds[source], memory_order_relaxed));
        if (one == NULL || PyList_Append(answered, one) < 0)
            Py_CLEAR(answered);
        Py_XDECREF(one);
    }
    if (requests == NULL || answered == NULL) {
        Py_XDECREF(requests);
        Py_XDECREF(answered);
        return NULL;
    }
    return Py_BuildValue("(NNNNKK)", requests, answered, module_numbers(counters->blocked, COUNTERS_NUMBERS),
                         module_numbers(counters->shadow, COUNTERS_NUMBERS),
                         (unsigned long long)counter_read(&counters->unsent),
                         (unsigned long long)counter_read(&counters->overload));
}

static PyObject *record(PyObject *self, PyObject *args)
{
    int on;
    if (!PyArg_ParseTuple(args, "p", &on))
        return NULL;
    struct events *events = of(self)->counters->events;
    events_switch(events, on);
    while (events_next(events) != NULL)
        ; /* it is of before */
    events_free_read(events);
    Py_RETURN_NONE;
}

/* Return what was noted: (arrived, took, label, type, source, RCODE, address, name). */
static PyObject *take_events(PyObject *self, PyObject *args)
{
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "n", &most))
        return NULL;
    struct events *events = of(self)->counters->events;
    const struct event *event;
    PyObject *list = PyList_New(0);
    while (list != NULL && PyList_Size(list) < most && (event = events_next(events)) != NULL) {
        PyObject *one = Py_BuildValue("(dfIHBBNN)", event->arrived, event->took, event->label, event->type,
                                      event->source, event->rcode, module_bytes(event->address, event->address_size),
                                      module_bytes(event->name, event->name_size));
        if (one == NULL || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    events_free_read(events);
    return list;
}

static PyObject *dropped(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyLong_FromUnsignedLongLong(events_dropped(of(self)->counters->events));
}

int module_add_loop(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"serve", serve, METH_VARARGS, NULL},
        {"forwarded", forwarded, METH_NOARGS, NULL},
        {"tally", tally, METH_NOARGS, NULL},
        {"record", record, METH_VARARGS, NULL},
        {"events", take_events, METH_VARARGS, NULL},
        {"dropped", dropped, METH_NOARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_new, MODULE_SLOT(loop_object_new)},
        {Py_tp_dealloc, MODULE_SLOT(loop_object_free)},
        {Py_tp_methods, methods},
        {0, NULL},
    };
    static PyType_Spec spec = {"resolver.native._native.Loop", sizeof(struct loop_object), 0, Py_TPFLAGS_DEFAULT,
                               slots};
    return module_add_type(module, &spec, &module_loop_type);
}
