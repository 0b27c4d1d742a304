/* Cache: the answer cache. An answer goes in and comes out as a tuple; Answer of _native.pyi says of what. */
#include "module.h"

#include <string.h>

struct cache_object {
    PyObject_HEAD
    struct cache *cache;
    void *room; /* what cache_copy writes to */
};

struct cache *module_cache_of(PyObject *self)
{
    return ((struct cache_object *)(void *)self)->cache;
}

static PyObject *cache_object_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"limit_bytes", "seed", "shards", NULL};
    Py_ssize_t limit_bytes, seed_size;
    const char *seed;
    unsigned shards = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ny#|I", names, &limit_bytes, &seed, &seed_size, &shards))
        return NULL;
    if (limit_bytes < 0 || seed_size != CACHE_SEED)
        return PyErr_Format(PyExc_ValueError, "a limit below 0, or a seed not of %d bytes", CACHE_SEED);
    struct cache_object *self = (void *)PyType_GenericAlloc(type, 0);
    if (self == NULL)
        return NULL;
    self->room = PyMem_Malloc(CACHE_COPY_MAX);
    self->cache = cache_create((size_t)limit_bytes, shards, (const uint8_t *)seed);
    if (module_no_memory(self->room) || module_no_memory(self->cache)) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void cache_object_free(PyObject *self)
{
    struct cache_object *of = (void *)self;
    if (of->cache != NULL)
        cache_destroy(of->cache);
    PyMem_Free(of->room);
    module_free(self);
}

/* Read the key; false with an exception set. */
static bool key_from(PyObject *self, const char *bytes, Py_ssize_t size, struct cache_key *key)
{
    if (size < 1 || size > CACHE_KEY_MAX) {
        PyErr_Format(PyExc_ValueError, "a key not of 1 to %d bytes", CACHE_KEY_MAX);
        return false;
    }
    *key = cache_key(module_cache_of(self), (const uint8_t *)bytes, (size_t)size);
    return true;
}

static PyObject *packed(const void *bytes, size_t size)
{
    return PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
}

static PyObject *get(PyObject *self, PyObject *args)
{
    const char *bytes;
    Py_ssize_t size;
    struct cache_key key;
    struct cache_answer answer;
    if (!PyArg_ParseTuple(args, "y#", &bytes, &size) || !key_from(self, bytes, size, &key))
        return NULL;
    if (!cache_copy(module_cache_of(self), key, &answer, ((struct cache_object *)(void *)self)->room))
        Py_RETURN_NONE;
    return Py_BuildValue(
        "(KIIiNiiiNNNNNddddd)", (unsigned long long)answer.serial, answer.hits, answer.failures, (int)answer.rcode,
        PyBool_FromLong(answer.authentic), (int)answer.answers, (int)answer.authorities, (int)answer.additional,
        packed(answer.body, answer.body_size), packed(answer.ttls, 2 * answer.ttl_count),
        packed(answer.options, answer.options_size), packed(answer.aliases, answer.aliases_size),
        packed(answer.cleared, 8 * (size_t)answer.cleared_count), answer.stored, answer.expires, answer.refresh_at,
        answer.stale_until, answer.retry_at);
}

static PyObject *put(PyObject *self, PyObject *args)
{
    const char *bytes, *body, *ttls, *options, *aliases;
    Py_ssize_t size, body_size, ttls_size, options_size, aliases_size;
    unsigned long long generation;
    unsigned failures, rcode, answers, authorities, additional, cleared_room;
    int authentic;
    struct cache_key key;
    struct cache_answer answer = {0};
    if (!PyArg_ParseTuple(args, "y#K(IIpIIIIy#y#y#y#ddddd)", &bytes, &size, &generation, &failures, &rcode,
                          &authentic, &answers, &authorities, &additional, &cleared_room, &body, &body_size, &ttls,
                          &ttls_size, &options, &options_size, &aliases, &aliases_size, &answer.stored,
                          &answer.expires, &answer.refresh_at, &answer.stale_until, &answer.retry_at) ||
        !key_from(self, bytes, size, &key))
        return NULL;
    uint16_t places[CACHE_TTLS_MAX];
    if (rcode > UINT8_MAX || answers > UINT16_MAX || authorities > UINT16_MAX || additional > UINT16_MAX ||
        cleared_room > CACHE_CLEARED_MAX || ttls_size < 0 || (size_t)ttls_size > sizeof places || ttls_size % 2)
        return PyErr_Format(PyExc_ValueError, "an answer with a number out of bounds");
    memcpy(places, ttls, (size_t)ttls_size); /* bytes of Python need not be aligned */
    answer.failures = failures;
    answer.rcode = (uint8_t)rcode;
    answer.authentic = authentic;
    answer.answers = (uint16_t)answers;
    answer.authorities = (uint16_t)authorities;
    answer.additional = (uint16_t)additional;
    answer.cleared_room = (uint8_t)cleared_room;
    answer.body = (const uint8_t *)body;
    answer.body_size = (size_t)body_size;
    answer.ttls = places;
    answer.ttl_count = (size_t)ttls_size / 2;
    answer.options = (const uint8_t *)options;
    answer.options_size = (size_t)options_size;
    answer.aliases = (const uint8_t *)aliases;
    answer.aliases_size = (size_t)aliases_size;
    return PyLong_FromUnsignedLongLong(cache_put(module_cache_of(self), key, &answer, generation));
}

static PyObject *drop(PyObject *self, PyObject *args)
{
    const char *bytes;
    Py_ssize_t size;
    struct cache_key key;
    if (!PyArg_ParseTuple(args, "y#", &bytes, &size) || !key_from(self, bytes, size, &key))
        return NULL;
    return PyBool_FromLong(cache_drop(module_cache_of(self), key));
}

/* Note something of the entry under a key, if it is still the one of that serial. */
static PyObject *note(PyObject *self, PyObject *args, bool (*noted)(struct cache *, struct cache_key, uint64_t))
{
    const char *bytes;
    Py_ssize_t size;
    unsigned long long serial;
    struct cache_key key;
    if (!PyArg_ParseTuple(args, "y#K", &bytes, &size, &serial) || !key_from(self, bytes, size, &key))
        return NULL;
    return PyBool_FromLong(noted(module_cache_of(self), key, serial));
}

static PyObject *note_hit(PyObject *self, PyObject *args)
{
    return note(self, args, cache_note_hit);
}

static PyObject *note_cleared(PyObject *self, PyObject *args)
{
    const char *bytes;
    Py_ssize_t size;
    unsigned long long serial, profile;
    struct cache_key key;
    if (!PyArg_ParseTuple(args, "y#KK", &bytes, &size, &serial, &profile) || !key_from(self, bytes, size, &key))
        return NULL;
    return PyBool_FromLong(cache_note_cleared(module_cache_of(self), key, serial, profile));
}

static PyObject *note_refresh(PyObject *self, PyObject *args)
{
    return note(self, args, cache_note_refresh);
}

static PyObject *note_retry(PyObject *self, PyObject *args)
{
    const char *bytes;
    Py_ssize_t size;
    unsigned long long serial;
    double retry_at;
    struct cache_key key;
    if (!PyArg_ParseTuple(args, "y#Kd", &bytes, &size, &serial, &retry_at) || !key_from(self, bytes, size, &key))
        return NULL;
    return PyBool_FromLong(cache_note_retry(module_cache_of(self), key, serial, retry_at));
}

static PyObject *resize(PyObject *self, PyObject *args)
{
    Py_ssize_t limit_bytes;
    if (!PyArg_ParseTuple(args, "n", &limit_bytes))
        return NULL;
    if (limit_bytes < 0)
        return PyErr_Format(PyExc_ValueError, "a limit below 0");
    return PyBool_FromLong(cache_resize(module_cache_of(self), (size_t)limit_bytes));
}

static PyObject *flush(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyLong_FromUnsignedLongLong(cache_flush(module_cache_of(self)));
}

static PyObject *count(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    struct cache_counters found = cache_count(module_cache_of(self));
    return Py_BuildValue("(KKKKK)", (unsigned long long)found.entries, (unsigned long long)found.bytes,
                         (unsigned long long)found.hits, (unsigned long long)found.misses,
                         (unsigned long long)found.evictions);
}

static PyObject *limit_of(PyObject *self, void *ignored)
{
    (void)ignored;
    return PyLong_FromSize_t(cache_limit(module_cache_of(self)));
}

static PyObject *generation_of(PyObject *self, void *ignored)
{
    (void)ignored;
    return PyLong_FromUnsignedLongLong(cache_generation(module_cache_of(self)));
}

int module_add_cache(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"get", get, METH_VARARGS, NULL},
        {"put", put, METH_VARARGS, NULL},
        {"drop", drop, METH_VARARGS, NULL},
        {"note_hit", note_hit, METH_VARARGS, NULL},
        {"note_cleared", note_cleared, METH_VARARGS, NULL},
        {"note_refresh", note_refresh, METH_VARARGS, NULL},
        {"note_retry", note_retry, METH_VARARGS, NULL},
        {"resize", resize, METH_VARARGS, NULL},
        {"flush", flush, METH_NOARGS, NULL},
        {"count", count, METH_NOARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyGetSetDef fields[] = {
        {"limit_bytes", limit_of, NULL, NULL, NULL},
        {"generation", generation_of, NULL, NULL, NULL},
        {NULL, NULL, NULL, NULL, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_new, MODULE_SLOT(cache_object_new)},
        {Py_tp_dealloc, MODULE_SLOT(cache_object_free)},
        {Py_tp_methods, methods},
        {Py_tp_getset, fields},
        {0, NULL},
    };
    static PyType_Spec spec = {"resolver.native._native.Cache", sizeof(struct cache_object), 0, Py_TPFLAGS_DEFAULT,
                               slots};
    return module_add_type(module, &spec, &module_cache_type);
}
