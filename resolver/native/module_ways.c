/* Ways: what Python says of asking upstream. */
#include "module.h"
#include "ways.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct ways_object {
    PyObject_HEAD
    struct ways *ways;
};

PyTypeObject *module_ways_type;

static struct ways_object *of(PyObject *self)
{
    return (struct ways_object *)(void *)self;
}

const struct ways *module_ways_of(PyObject *self)
{
    return of(self)->ways;
}

static void ways_object_free(PyObject *self)
{
    if (of(self)->ways != NULL)
        ways_destroy(of(self)->ways);
    module_free(self);
}

/* Return routes to numbers of 32 bits; NULL with an exception set. */
static struct routes *make_routes(const char *names, Py_ssize_t size, const char *to, Py_ssize_t to_size, int fallback,
                                  const char *seed)
{
    uint64_t seeds[2];
    memcpy(seeds, seed, sizeof seeds);
    int32_t *numbers = malloc(to_size ? (size_t)to_size : 1); /* bytes of Python need not be aligned */
    if (module_no_memory(numbers))
        return NULL;
    memcpy(numbers, to, (size_t)to_size);
    struct routes *routes =
        routes_create((const uint8_t *)names, (size_t)size, numbers, (size_t)to_size / 4, fallback, seeds);
    free(numbers);
    if (routes == NULL)
        PyErr_SetString(PyExc_ValueError, "broken names, or no memory");
    return routes;
}

static PyObject *ways_object_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"names", "to", "fallback", "seed", "bounds", NULL};
    const char *names, *to, *seed, *bounds;
    Py_ssize_t size, to_size, seed_size, bounds_size;
    int fallback;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y#y#iy#y#", keywords, &names, &size, &to, &to_size, &fallback,
                                     &seed, &seed_size, &bounds, &bounds_size))
        return NULL;
    if (to_size % 4 || seed_size != 16 || bounds_size % 8 || bounds_size > 8 * WAYS_BOUNDS)
        return PyErr_Format(PyExc_ValueError, "no numbers, a seed not of 16 bytes, or more bounds than there is room for");
    struct routes *routes = make_routes(names, size, to, to_size, fallback, seed);
    if (routes == NULL)
        return NULL;
    struct ways *ways = ways_create(routes);
    PyObject *self = ways == NULL ? PyErr_NoMemory() : PyType_GenericAlloc(type, 0);
    if (self != NULL) {
        ways->bound_count = (unsigned)(bounds_size / 8);
        memcpy(ways->bounds, bounds, (size_t)bounds_size);
        of(self)->ways = ways;
    } else if (ways != NULL) {
        ways_destroy(ways);
    } else {
        free(routes);
    }
    return self;
}

static PyObject *set_ageing(PyObject *self, PyObject *args)
{
    unsigned max_ttl, negative_ttl;
    double stale;
    int prefetch, judges_addresses;
    if (!PyArg_ParseTuple(args, "IIdpp", &max_ttl, &negative_ttl, &stale, &prefetch, &judges_addresses))
        return NULL;
    of(self)->ways->ageing = (struct records_ageing){max_ttl, negative_ttl, stale, prefetch};
    of(self)->ways->cleared_room = judges_addresses ? CACHE_CLEARED_MAX : 0;
    Py_RETURN_NONE;
}

static PyObject *set_server(PyObject *self, PyObject *args)
{
    unsigned number;
    unsigned long long serial;
    const char *host;
    Py_ssize_t size;
    unsigned short port;
    if (!PyArg_ParseTuple(args, "IKy#H", &number, &serial, &host, &size, &port))
        return NULL;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool done = false;
    if (size == sizeof v4.sin_addr) {
        memcpy(&v4.sin_addr, host, sizeof v4.sin_addr);
        done = ways_set_server(of(self)->ways, number, serial, (const struct sockaddr *)&v4, sizeof v4);
    } else if (size == sizeof v6.sin6_addr) {
        memcpy(&v6.sin6_addr, host, sizeof v6.sin6_addr);
        done = ways_set_server(of(self)->ways, number, serial, (const struct sockaddr *)&v6, sizeof v6);
    }
    if (!done)
        return PyErr_Format(PyExc_ValueError, "a number out of bounds, or an address not of 4 or 16 bytes");
    Py_RETURN_NONE;
}

static PyObject *add_group(PyObject *self, PyObject *args)
{
    int trust_ad;
    if (!PyArg_ParseTuple(args, "p", &trust_ad))
        return NULL;
    struct ways *ways = of(self)->ways;
    if (ways->group_count == WAYS_GROUPS)
        return PyErr_Format(PyExc_ValueError, "too many groups");
    ways->groups[ways->group_count++].trust_ad = trust_ad;
    Py_RETURN_NONE;
}

static PyObject *aim(PyObject *self, PyObject *args)
{
    unsigned group;
    PyObject *list;
    if (!PyArg_ParseTuple(args, "IO!", &group, &PyList_Type, &list))
        return NULL;
    struct ways *ways = of(self)->ways;
    Py_ssize_t count = PyList_Size(list);
    if (group >= ways->group_count || count > WAYS_AIMS)
        return PyErr_Format(PyExc_ValueError, "a number out of bounds");
    uint64_t aims[WAYS_AIMS];
    for (Py_ssize_t i = 0; i < count; i++) {
        unsigned server;
        double patience;
        if (!PyArg_ParseTuple(PyList_GetItem(list, i), "Id", &server, &patience))
            return NULL;
        if (!ways_make_aim(ways, server, patience, &aims[i]))
            return PyErr_Format(PyExc_ValueError, "no such server, or no such patience");
    }
    ways_aim(&ways->groups[group], aims, (unsigned)count);
    Py_RETURN_NONE;
}

static PyObject *find(PyObject *self, PyObject *args)
{
    const char *name;
    Py_ssize_t size;
    unsigned type;
    if (!PyArg_ParseTuple(args, "y#I", &name, &size, &type))
        return NULL;
    return PyLong_FromLong(routes_find(of(self)->ways->routes, (const uint8_t *)name, (size_t)size, type));
}

int module_add_ways(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"set_ageing", set_ageing, METH_VARARGS, NULL},
        {"set_server", set_server, METH_VARARGS, NULL},
        {"add_group", add_group, METH_VARARGS, NULL},
        {"aim", aim, METH_VARARGS, NULL},
        {"find", find, METH_VARARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_new, MODULE_SLOT(ways_object_new)},
        {Py_tp_dealloc, MODULE_SLOT(ways_object_free)},
        {Py_tp_methods, methods},
        {0, NULL},
    };
    static PyType_Spec spec = {"resolver.native._native.Ways", sizeof(struct ways_object), 0, Py_TPFLAGS_DEFAULT,
                               slots};
    return module_add_type(module, &spec, &module_ways_type);
}
