/* Snapshot: one policy and its clients. Cell: a number that both Python and the answering thread change. */
#include "module.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cell_object {
    PyObject_HEAD
    _Atomic int64_t left;
};

struct snapshot_object {
    PyObject_HEAD
    Py_buffer slots;         /* keeps the file mapped */
    uint32_t *pairs;
    struct policy *policy;
    struct clients *clients;
    struct cookies cookies;
    bool has_cookies;
    PyObject *cells;         /* those that clients point to */
};

static struct snapshot_object *of(PyObject *self)
{
    return (struct snapshot_object *)(void *)self;
}

struct known module_known_of(PyObject *snapshot, PyObject *cache)
{
    const struct snapshot_object *self = of(snapshot);
    return (struct known){self->policy, self->clients, cache == Py_None ? NULL : module_cache_of(cache),
                          self->has_cookies ? &self->cookies : NULL};
}

static void snapshot_free(PyObject *self)
{
    struct snapshot_object *snapshot = of(self);
    if (snapshot->policy != NULL)
        policy_destroy(snapshot->policy);
    free(snapshot->clients);
    free(snapshot->pairs);
    if (snapshot->slots.obj != NULL)
        PyBuffer_Release(&snapshot->slots);
    Py_XDECREF(snapshot->cells);
    module_free(self);
}

/* Fill in the table, but for the slots; false with an exception set. */
static bool take_pairs(struct snapshot_object *self, const Py_buffer *pairs, Py_ssize_t sets, struct table *table)
{
    if (pairs->len % 8 || sets < 1) {
        PyErr_SetString(PyExc_ValueError, "pairs that are not pairs, or no set");
        return false;
    }
    self->pairs = malloc(pairs->len ? (size_t)pairs->len : 1);
    if (module_no_memory(self->pairs))
        return false;
    memcpy(self->pairs, pairs->buf, (size_t)pairs->len);
    table->pairs = self->pairs;
    table->pair_count = (size_t)pairs->len / 8;
    table->slots = self->slots.buf;
    table->slot_count = (size_t)self->slots.len / 8;
    if ((uintptr_t)self->slots.buf % 8 || self->slots.len % 8 || !table_ready(table)) {
        PyErr_SetString(PyExc_ValueError, "no table");
        return false;
    }
    return true;
}

static PyObject *snapshot_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"slots", "prime", "factor", "depths", "depths_above", "pairs", "sets", "seed", NULL};
    PyObject *slots;
    unsigned long long prime, factor;
    const char *depths, *above, *seed;
    Py_ssize_t depths_size, above_size, seed_size, sets;
    Py_buffer pairs;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OKKy#y#y*ny#", names, &slots, &prime, &factor, &depths,
                                     &depths_size, &above, &above_size, &pairs, &sets, &seed, &seed_size))
        return NULL;
    struct table table = {.prime = prime, .factor = factor};
    uint64_t seeds[2];
    PyObject *self = NULL;
    if (depths_size != sizeof table.depths || above_size != sizeof table.depths_above || seed_size != sizeof seeds) {
        PyErr_SetString(PyExc_ValueError, "depths or seed not of 16 bytes");
        goto end;
    }
    memcpy(table.depths, depths, sizeof table.depths);
    memcpy(table.depths_above, above, sizeof table.depths_above);
    memcpy(seeds, seed, sizeof seeds);
    self = PyType_GenericAlloc(type, 0);
    if (self == NULL)
        goto end;
    of(self)->cells = PyList_New(0);
    if (of(self)->cells == NULL || PyObject_GetBuffer(slots, &of(self)->slots, PyBUF_SIMPLE) < 0 ||
        !take_pairs(of(self), &pairs, sets, &table))
        goto failed;
    of(self)->policy = policy_create(&table, (size_t)sets);
    of(self)->clients = clients_create(seeds);
    if (!module_no_memory(of(self)->policy) && !module_no_memory(of(self)->clients))
        goto end;
failed:
    Py_CLEAR(self);
end:
    PyBuffer_Release(&pairs);
    return self;
}

static PyObject *add_profile(PyObject *self, PyObject *args)
{
    unsigned long long key;
    int judges_addresses;
    if (!PyArg_ParseTuple(args, "Kp", &key, &judges_addresses))
        return NULL;
    return PyLong_FromLong(policy_add_profile(of(self)->policy, key, judges_addresses));
}

/* Read (counts, counts with EDNS, tails) into a shape; false with an exception set. */
static bool read_shape(PyObject *given, struct policy_shape *shape)
{
    const char *counts, *counts_edns, *tails[POLICY_TAILS];
    Py_ssize_t counts_size, counts_edns_size, sizes[POLICY_TAILS];
    if (!PyArg_ParseTuple(given, "y#y#(y#y#y#y#y#)", &counts, &counts_size, &counts_edns, &counts_edns_size,
                          &tails[0], &sizes[0], &tails[1], &sizes[1], &tails[2], &sizes[2], &tails[3], &sizes[3],
                          &tails[4], &sizes[4]))
        return false;
    if (counts_size != sizeof shape->counts || counts_edns_size != sizeof shape->counts_edns) {
        PyErr_SetString(PyExc_ValueError, "counts not of 8 bytes");
        return false;
    }
    memcpy(shape->counts, counts, sizeof shape->counts);
    memcpy(shape->counts_edns, counts_edns, sizeof shape->counts_edns);
    for (int i = 0; i < POLICY_TAILS; i++) {
        if (sizes[i] > POLICY_TAIL_MAX || (i != TAIL_PLAIN && sizes[i] < sizes[TAIL_PLAIN] + MESSAGE_OPT)) {
            PyErr_SetString(PyExc_ValueError, "a tail longer than a message, or without the OPT record it is to have");
            return false;
        }
        shape->tails[i].bytes = malloc(sizes[i] ? (size_t)sizes[i] : 1);
        if (module_no_memory(shape->tails[i].bytes))
            return false;
        memcpy(shape->tails[i].bytes, tails[i], (size_t)sizes[i]);
        shape->tails[i].size = (size_t)sizes[i];
    }
    return true;
}

static PyObject *add_verdict(PyObject *self, PyObject *args)
{
    int blocked, shadow;
    unsigned rcode, label;
    PyObject *shapes;
    if (!PyArg_ParseTuple(args, "iiIIO", &blocked, &shadow, &rcode, &label, &shapes))
        return NULL;
    if (rcode > 15 || blocked >= COUNTERS_NUMBERS || shadow >= COUNTERS_NUMBERS)
        return PyErr_Format(PyExc_ValueError, "a number out of bounds");
    struct policy_verdict *verdict = calloc(1, sizeof *verdict);
    if (module_no_memory(verdict))
        return NULL;
    verdict->blocked = blocked;
    verdict->shadow = shadow;
    verdict->rcode = (uint8_t)rcode;
    verdict->label = label;
    verdict->blocks = shapes != Py_None;
    for (Py_ssize_t i = 0; verdict->blocks && i < POLICY_CLASSES; i++) {
        PyObject *shape = PyTuple_GetItem(shapes, i);
        if (shape == NULL || !PyTuple_Check(shape) || !read_shape(shape, &verdict->shapes[i])) {
            policy_verdict_destroy(verdict);
            return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "a shape is a tuple");
        }
    }
    uint32_t action = policy_add_verdict(of(self)->policy, verdict);
    if (action == POLICY_HAND_OVER)
        policy_verdict_destroy(verdict);
    return PyLong_FromUnsignedLong(action);
}

static PyObject *note(PyObject *self, PyObject *args)
{
    unsigned profile, set, action;
    if (!PyArg_ParseTuple(args, "III", &profile, &set, &action))
        return NULL;
    return PyBool_FromLong(policy_note(of(self)->policy, profile, set, action));
}

static PyObject *add_client(PyObject *self, PyObject *args)
{
    const char *address;
    Py_ssize_t size;
    unsigned profile;
    PyObject *cell;
    if (!PyArg_ParseTuple(args, "y#IO!", &address, &size, &profile, module_cell_type, &cell))
        return NULL;
    if (PyList_Append(of(self)->cells, cell) < 0)
        return NULL;
    _Atomic int64_t *left = &((struct cell_object *)(void *)cell)->left;
    return PyBool_FromLong(clients_add(of(self)->clients, (const uint8_t *)address, (size_t)size, profile, left));
}

static PyObject *use_cookies(PyObject *self, PyObject *args)
{
    const char *secret;
    Py_ssize_t secret_size;
    double epoch_s;
    if (!PyArg_ParseTuple(args, "y#d", &secret, &secret_size, &epoch_s))
        return NULL;
    if (secret_size != COOKIES_SECRET)
        return PyErr_Format(PyExc_ValueError, "a secret not of %d bytes", COOKIES_SECRET);
    of(self)->cookies = cookies_under((const uint8_t *)secret, epoch_s);
    of(self)->has_cookies = true;
    Py_RETURN_NONE;
}

/* Whether these bytes are a name in wire form: labels up to the root, which is the last byte. */
static bool is_name(const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (at < size && bytes[at] != 0 && bytes[at] < 64)
        at += (size_t)bytes[at] + 1;
    return size <= MESSAGE_NAME_MAX && at + 1 == size && bytes[at] == 0;
}

static PyObject *find(PyObject *self, PyObject *args)
{
    const char *name;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "y#", &name, &size))
        return NULL;
    if (!is_name((const uint8_t *)name, (size_t)size))
        return PyErr_Format(PyExc_ValueError, "not a name in wire form");
    return PyLong_FromUnsignedLong(table_find(&of(self)->policy->table, (const uint8_t *)name, (size_t)size));
}

static PyObject *answer_one(PyObject *self, PyObject *args)
{
    PyObject *cache;
    const char *wire, *address;
    Py_ssize_t wire_size, address_size;
    double now;
    int stream = 0;
    if (!PyArg_ParseTuple(args, "Oy#y#d|p", &cache, &wire, &wire_size, &address, &address_size, &now, &stream))
        return NULL;
    if (cache != Py_None && !PyObject_TypeCheck(cache, module_cache_type))
        return PyErr_Format(PyExc_TypeError, "no cache");
    struct known known = module_known_of(self, cache);
    uint8_t out[ANSWER_STREAM_MAX];
    struct answer given;
    struct source source = {(const uint8_t *)address, (size_t)address_size, stream};
    enum answered answered = answer(&known, (const uint8_t *)wire, (size_t)wire_size, source, now, out, &given);
    if (answered == ANSWER_GIVEN)
        return PyBytes_FromStringAndSize((const char *)out, (Py_ssize_t)given.size);
    bool unmet = answered == ANSWER_UNMET;
    return Py_BuildValue("(III)", (unsigned)answered, unmet ? given.profile : 0, unmet ? given.set : 0);
}

static _Atomic int64_t *left_of(PyObject *cell)
{
    return &((struct cell_object *)(void *)cell)->left;
}

static PyObject *cell_take(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    int64_t left = atomic_load_explicit(left_of(self), memory_order_relaxed);
    while (left >= 1 && left != CLIENTS_UNBOUNDED)
        if (atomic_compare_exchange_weak_explicit(left_of(self), &left, left - 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            break;
    return PyBool_FromLong(left >= 1);
}

static PyObject *cell_left(PyObject *self, void *ignored)
{
    (void)ignored;
    int64_t left = atomic_load_explicit(left_of(self), memory_order_relaxed);
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
    atomic_store_explicit(left_of(self), left < 0x1p62 ? (int64_t)left : CLIENTS_UNBOUNDED, memory_order_relaxed);
    return 0;
}

static int add_cell(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"take", cell_take, METH_NOARGS, NULL},
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

int module_add_snapshot(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"add_profile", add_profile, METH_VARARGS, NULL},
        {"add_verdict", add_verdict, METH_VARARGS, NULL},
        {"note", note, METH_VARARGS, NULL},
        {"add_client", add_client, METH_VARARGS, NULL},
        {"use_cookies", use_cookies, METH_VARARGS, NULL},
        {"find", find, METH_VARARGS, NULL},
        {"answer", answer_one, METH_VARARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_new, MODULE_SLOT(snapshot_new)},
        {Py_tp_dealloc, MODULE_SLOT(snapshot_free)},
        {Py_tp_methods, methods},
        {0, NULL},
    };
    static PyType_Spec spec = {"resolver.native._native.Snapshot", sizeof(struct snapshot_object), 0,
                               Py_TPFLAGS_DEFAULT, slots};
    return add_cell(module) < 0 ? -1 : module_add_type(module, &spec, &module_snapshot_type);
}
