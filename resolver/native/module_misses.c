/* Misses: what asks upstream without the interpreter, and hands over to it what is out of the ordinary. */
#include "module.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct misses_object {
    PyObject_HEAD
    struct misses *misses;
    PyObject *loop;          /* whose counters it has */
};

PyTypeObject *module_misses_type;

static struct misses_object *of(PyObject *self)
{
    return (struct misses_object *)(void *)self;
}

struct misses *module_misses_of(PyObject *self)
{
    return of(self)->misses;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void misses_object_free(PyObject *self)
{
    if (of(self)->misses != NULL)
        misses_destroy(of(self)->misses);
    Py_XDECREF(of(self)->loop);
    module_free(self);
}

static PyObject *misses_object_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"loop", "bounds", NULL};
    const char *bounds;
    Py_ssize_t size;
    double upper[UPSTREAM_BOUNDS];
    PyObject *loop;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!y#", names, module_loop_type, &loop, &bounds, &size))
        return NULL;
    if ((size_t)size > sizeof upper || size % 8)
        return PyErr_Format(PyExc_ValueError, "more bounds than there is room for");
    memcpy(upper, bounds, (size_t)size);
    PyObject *self = PyType_GenericAlloc(type, 0);
    if (self == NULL)
        return NULL;
    of(self)->misses = misses_create(module_counters_of(loop), upper, (size_t)size / 8);
    if (of(self)->misses == NULL) {
        Py_DECREF(self);
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    of(self)->loop = Py_NewRef(loop);
    return self;
}

static PyObject *descriptor(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return PyLong_FromLong(of(self)->misses->upstreams.epoll);
}

static PyObject *open_socket(PyObject *self, PyObject *args)
{
    int number;
    return PyArg_ParseTuple(args, "i", &number) ? PyLong_FromLong(misses_open(of(self)->misses, number)) : NULL;
}

static PyObject *close_socket(PyObject *self, PyObject *args)
{
    unsigned number;
    if (!PyArg_ParseTuple(args, "I", &number))
        return NULL;
    if (number < MISSES_SOCKETS)
        misses_close(of(self)->misses, number);
    Py_RETURN_NONE;
}

static PyObject *set_routes(PyObject *self, PyObject *args)
{
    const char *names, *to, *seed;
    Py_ssize_t size, to_size, seed_size;
    int fallback;
    uint64_t seeds[2];
    if (!PyArg_ParseTuple(args, "y#y#iy#", &names, &size, &to, &to_size, &fallback, &seed, &seed_size))
        return NULL;
    if (to_size % 4 || seed_size != sizeof seeds)
        return PyErr_Format(PyExc_ValueError, "no numbers, or a seed not of 16 bytes");
    memcpy(seeds, seed, sizeof seeds);
    int32_t *numbers = malloc(to_size ? (size_t)to_size : 1); /* bytes of Python need not be aligned */
    if (module_no_memory(numbers))
        return NULL;
    memcpy(numbers, to, (size_t)to_size);
    struct routes *made =
        routes_create((const uint8_t *)names, (size_t)size, numbers, (size_t)to_size / 4, fallback, seeds);
    free(numbers);
    if (made == NULL)
        return PyErr_Format(PyExc_ValueError, "broken names, or no memory");
    free(of(self)->misses->routes);
    of(self)->misses->routes = made;
    of(self)->misses->group_count = 0;
    Py_RETURN_NONE;
}

static PyObject *find_route(PyObject *self, PyObject *args)
{
    const char *name;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "y#", &name, &size))
        return NULL;
    const struct routes *routes = of(self)->misses->routes;
    return PyLong_FromLong(routes == NULL ? ROUTES_PYTHON
                                          : routes_find(routes, (const uint8_t *)name, (size_t)size));
}

static PyObject *set_ageing(PyObject *self, PyObject *args)
{
    unsigned max_ttl, negative_ttl;
    double stale;
    int prefetch, judges_addresses;
    if (!PyArg_ParseTuple(args, "IIdpp", &max_ttl, &negative_ttl, &stale, &prefetch, &judges_addresses))
        return NULL;
    of(self)->misses->ageing = (struct records_ageing){max_ttl, negative_ttl, stale, prefetch};
    of(self)->misses->cleared_room = judges_addresses ? CACHE_CLEARED_MAX : 0;
    Py_RETURN_NONE;
}

static PyObject *add_server(PyObject *self, PyObject *args)
{
    const char *host;
    Py_ssize_t size;
    unsigned short port;
    if (!PyArg_ParseTuple(args, "y#H", &host, &size, &port))
        return NULL;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct upstreams *all = &of(self)->misses->upstreams;
    if (size == sizeof v4.sin_addr) {
        memcpy(&v4.sin_addr, host, sizeof v4.sin_addr);
        return PyLong_FromLong(upstreams_add(all, (const struct sockaddr *)&v4, sizeof v4));
    }
    if (size == sizeof v6.sin6_addr) {
        memcpy(&v6.sin6_addr, host, sizeof v6.sin6_addr);
        return PyLong_FromLong(upstreams_add(all, (const struct sockaddr *)&v6, sizeof v6));
    }
    return PyErr_Format(PyExc_ValueError, "an address not of 4 or 16 bytes");
}

static PyObject *leave_server(PyObject *self, PyObject *args)
{
    unsigned number;
    if (!PyArg_ParseTuple(args, "I", &number))
        return NULL;
    if (number < UPSTREAM_SERVERS)
        upstreams_leave(&of(self)->misses->upstreams, number, now_s());
    Py_RETURN_NONE;
}

static PyObject *aim(PyObject *self, PyObject *args)
{
    unsigned group;
    int server, trust_ad;
    double patience;
    if (!PyArg_ParseTuple(args, "Iidp", &group, &server, &patience, &trust_ad))
        return NULL;
    struct misses *misses = of(self)->misses;
    if (group >= MISSES_GROUPS || group > misses->group_count || server >= UPSTREAM_SERVERS)
        return PyErr_Format(PyExc_ValueError, "a number out of bounds");
    misses->groups[group] = (struct misses_group){server, patience, trust_ad};
    if (group == misses->group_count)
        misses->group_count++;
    Py_RETURN_NONE;
}

static PyObject *receive(PyObject *self, PyObject *args)
{
    PyObject *snapshot, *cache;
    if (!PyArg_ParseTuple(args, "O!O!", module_snapshot_type, &snapshot, module_cache_type, &cache))
        return NULL;
    struct misses *misses = of(self)->misses;
    struct known known = module_known_of(snapshot, cache);
    Py_BEGIN_ALLOW_THREADS
    misses_receive(misses, &known, now_s());
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(misses->handed_count > 0);
}

static PyObject *expire(PyObject *self, PyObject *args)
{
    unsigned long long generation;
    if (!PyArg_ParseTuple(args, "K", &generation))
        return NULL;
    return PyBool_FromLong(misses_expire(of(self)->misses, generation, now_s()));
}

static PyObject *packed(const void *bytes, size_t size)
{
    return PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
}

/* Return who waits: (message, address it came from, control messages, number of the socket). */
static PyObject *waiting_for(const struct flights *flights, uint32_t flight)
{
    PyObject *list = PyList_New(0);
    for (uint32_t at = flights->flights[flight].first; list != NULL && at; at = flights->waiters[at].next) {
        const struct waiter *waiter = &flights->waiters[at];
        PyObject *one = Py_BuildValue("(NNNi)", packed(waiter->wire, waiter->wire_size),
                                      packed(waiter->peer, waiter->peer_size),
                                      packed(waiter->control, waiter->control_size), (int)waiter->socket);
        if (one == NULL || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    return list;
}

static PyObject *take_handed(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    struct misses *misses = of(self)->misses;
    PyObject *list = PyList_New(0);
    for (unsigned i = 0; list != NULL && i < misses->handed_count; i++) {
        const struct handed *handed = &misses->handed[i];
        PyObject *answer = handed->answer == NULL ? Py_NewRef(Py_None) : packed(handed->answer, handed->answer_size);
        PyObject *one = Py_BuildValue("(iKidNN)", (int)handed->why, (unsigned long long)handed->serial, (int)handed->server,
                                      handed->sent, answer,
                                      waiting_for(&misses->flights, handed->number));
        if (one == NULL || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    misses_taken(misses);
    return list;
}

/* Return what happened with a server since the last call, or None: nothing. */
static PyObject *take_counts(PyObject *self, PyObject *args)
{
    unsigned number;
    if (!PyArg_ParseTuple(args, "I", &number))
        return NULL;
    if (number >= UPSTREAM_SERVERS)
        return PyErr_Format(PyExc_ValueError, "a number out of bounds");
    struct upstreams *all = &of(self)->misses->upstreams;
    struct upstream_counts *counts = &all->servers[number].counts;
    static const struct upstream_counts nothing;
    if (memcmp(counts, &nothing, sizeof nothing) == 0)
        Py_RETURN_NONE;
    PyObject *taken = Py_BuildValue(
        "(KKKKKKNdNN)", (unsigned long long)counts->requests, (unsigned long long)counts->timeouts,
        (unsigned long long)counts->refused, (unsigned long long)counts->unsent, (unsigned long long)counts->stray,
        (unsigned long long)counts->wrong, packed(counts->durations, 8 * ((size_t)all->bound_count + 1)),
        counts->seconds, packed(counts->samples, 8 * (size_t)counts->sample_count), PyBool_FromLong(counts->edns));
    *counts = nothing;
    return taken;
}

static PyObject *count(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    const struct misses *misses = of(self)->misses;
    uint64_t forwarded = 0;
    for (unsigned i = 0; i < COUNTERS_RCODES; i++)
        forwarded += misses->counters->rcodes[ANSWER_FORWARD][i];
    return Py_BuildValue("(IIIK)", misses->flights.asked, misses->flights.waiting, misses->flights.handed,
                         (unsigned long long)forwarded);
}

/* Read one answer: None: it is none to the question; False: not a plain one; or what cache.get returns of it, from the
 * RCODE on, and whether it is kept. For tests. */
static PyObject *read_answer(PyObject *ignored, PyObject *args)
{
    (void)ignored;
    const char *bytes, *question;
    Py_ssize_t size, question_size;
    struct records_ageing ageing;
    unsigned max_ttl, negative_ttl;
    int prefetch, trust_ad;
    double now;
    if (!PyArg_ParseTuple(args, "y#y#IIdppd", &bytes, &size, &question, &question_size, &max_ttl, &negative_ttl,
                          &ageing.stale, &prefetch, &trust_ad, &now))
        return NULL;
    if (question_size < 5 || question_size > MESSAGE_NAME_MAX + 4)
        return PyErr_Format(PyExc_ValueError, "no question");
    ageing.max_ttl = max_ttl;
    ageing.negative_ttl = negative_ttl;
    ageing.prefetch = prefetch;
    uint8_t *wire = malloc(size ? (size_t)size : 1);
    struct records_read *read = malloc(sizeof *read);
    PyObject *found = NULL;
    if (module_no_memory(wire) || module_no_memory(read))
        goto end;
    memcpy(wire, bytes, (size_t)size);
    enum records records = records_read(wire, (size_t)size, (const uint8_t *)question, (size_t)question_size, &ageing,
                                        trust_ad, now, read);
    const struct cache_answer *entry = &read->entry;
    if (records == RECORDS_WRONG)
        found = Py_NewRef(Py_None);
    else if (records == RECORDS_OTHER)
        found = Py_NewRef(Py_False);
    else
        found = Py_BuildValue("(iNiiiNNNNddddNN)", (int)entry->rcode, PyBool_FromLong(entry->authentic),
                              (int)entry->answers, (int)entry->authorities, (int)entry->additional,
                              packed(entry->body, entry->body_size), packed(entry->ttls, 2 * entry->ttl_count),
                              packed(entry->options, entry->options_size), packed(entry->aliases, entry->aliases_size),
                              entry->stored, entry->expires, entry->refresh_at, entry->stale_until,
                              PyBool_FromLong(read->keep), PyBool_FromLong(read->edns));
end:
    free(wire);
    free(read);
    return found;
}

int module_add_misses(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"fileno", descriptor, METH_NOARGS, NULL},
        {"open", open_socket, METH_VARARGS, NULL},
        {"close", close_socket, METH_VARARGS, NULL},
        {"set_routes", set_routes, METH_VARARGS, NULL},
        {"find_route", find_route, METH_VARARGS, NULL},
        {"set_ageing", set_ageing, METH_VARARGS, NULL},
        {"add_server", add_server, METH_VARARGS, NULL},
        {"leave_server", leave_server, METH_VARARGS, NULL},
        {"aim", aim, METH_VARARGS, NULL},
        {"receive", receive, METH_VARARGS, NULL},
        {"expire", expire, METH_VARARGS, NULL},
        {"take_handed", take_handed, METH_NOARGS, NULL},
        {"take_counts", take_counts, METH_VARARGS, NULL},
        {"count", count, METH_NOARGS, NULL},
        {"read_answer", read_answer, METH_VARARGS | METH_STATIC, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_new, MODULE_SLOT(misses_object_new)},
        {Py_tp_dealloc, MODULE_SLOT(misses_object_free)},
        {Py_tp_methods, methods},
        {0, NULL},
    };
    static PyType_Spec spec = {"resolver.native._native.Misses", sizeof(struct misses_object), 0, Py_TPFLAGS_DEFAULT,
                               slots};
    return module_add_type(module, &spec, &module_misses_type);
}
