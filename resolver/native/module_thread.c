/* Thread: answers on sockets without the interpreter, and gives what it left. */
#include "module.h"
#include "thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the thread uses, or used and may still read; the objects are what it is inside of. */
struct held {
    struct known known;
    PyObject *snapshot, *cache, *ways;
    struct held *before;
};

struct thread_object {
    PyObject_HEAD
    PyObject *loop;
    struct thread *thread;
    struct held *held;       /* the first is in use */
    unsigned long long taken; /* questions that came out of the ring */
};

static struct thread_object *of(PyObject *self)
{
    return (struct thread_object *)(void *)self;
}

static void release(struct held *held)
{
    Py_DECREF(held->snapshot);
    Py_DECREF(held->cache);
    Py_DECREF(held->ways);
    free(held);
}

/* Free what is no longer used, but for what the thread has not let go of yet: the next time, then. */
static void release_old(struct thread_object *self)
{
    struct held **at = self->held == NULL ? NULL : &self->held->before;
    while (at != NULL && *at != NULL) {
        struct held *held = *at;
        if (thread_reads(self->thread, &held->known)) {
            at = &held->before;
        } else {
            *at = held->before;
            release(held);
        }
    }
}

static void thread_object_free(PyObject *self)
{
    struct thread_object *object = of(self);
    if (object->thread != NULL) {
        Py_BEGIN_ALLOW_THREADS
        thread_stop(object->thread);
        Py_END_ALLOW_THREADS
        thread_destroy(object->thread);
    }
    while (object->held != NULL) {
        struct held *held = object->held;
        object->held = held->before;
        release(held);
    }
    Py_XDECREF(object->loop);
    module_free(self);
}

static PyObject *thread_object_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"loop", "questions", NULL};
    PyObject *loop;
    unsigned questions;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!I", names, module_loop_type, &loop, &questions))
        return NULL;
    if (questions < 1 || questions > FLIGHTS_MAX)
        return PyErr_Format(PyExc_ValueError, "not 1 to %d questions", FLIGHTS_MAX);
    PyObject *self = PyType_GenericAlloc(type, 0);
    if (self == NULL)
        return NULL;
    Py_INCREF(loop);
    of(self)->loop = loop;
    of(self)->thread = thread_create(module_loop_of(loop), module_counters_of(loop), questions);
    if (of(self)->thread == NULL) {
        PyErr_SetString(PyExc_OSError, "no memory or no descriptors for a thread");
        Py_CLEAR(self);
    }
    return self;
}

/* Raise OSError for a number below 0, which is -errno. */
static PyObject *number_or_error(int number)
{
    if (number >= 0)
        return PyLong_FromLong(number);
    errno = -number;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *use(PyObject *self, PyObject *args)
{
    PyObject *snapshot, *cache, *ways;
    if (!PyArg_ParseTuple(args, "O!O!O!", module_snapshot_type, &snapshot, module_cache_type, &cache, module_ways_type,
                          &ways))
        return NULL;
    struct held *held = malloc(sizeof *held);
    if (module_no_memory(held))
        return NULL;
    Py_INCREF(snapshot);
    Py_INCREF(cache);
    Py_INCREF(ways);
    *held = (struct held){module_known_of(snapshot, cache), snapshot, cache, ways, of(self)->held};
    held->known.ways = module_ways_of(ways);
    of(self)->held = held;
    thread_use(of(self)->thread, &held->known);
    release_old(of(self));
    Py_RETURN_NONE;
}

static PyObject *start(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    PyObject *done = number_or_error(thread_start(of(self)->thread));
    Py_XDECREF(done);
    if (done == NULL)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *stop(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    Py_BEGIN_ALLOW_THREADS
    thread_stop(of(self)->thread);
    Py_END_ALLOW_THREADS
    release_old(of(self));
    Py_RETURN_NONE;
}

static PyObject *watch(PyObject *self, PyObject *args)
{
    int descriptor;
    if (!PyArg_ParseTuple(args, "i", &descriptor))
        return NULL;
    int number;
    Py_BEGIN_ALLOW_THREADS
    number = thread_watch(of(self)->thread, descriptor);
    Py_END_ALLOW_THREADS
    return number_or_error(number);
}

static PyObject *leave(PyObject *self, PyObject *args, void (*how)(struct thread *, int))
{
    int number;
    if (!PyArg_ParseTuple(args, "i", &number))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    how(of(self)->thread, number);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *rest(PyObject *self, PyObject *args)
{
    return leave(self, args, thread_rest);
}

static PyObject *forget(PyObject *self, PyObject *args)
{
    return leave(self, args, thread_forget);
}

static PyObject *one_left(const struct ring_message *message)
{
    return Py_BuildValue("(INNNIIId)", message->socket, module_bytes(ring_wire(message), message->wire_size),
                         module_bytes(ring_peer(message), message->peer_size),
                         module_bytes(ring_control(message), message->control_size), message->why, message->profile,
                         message->set, message->arrived);
}

static PyObject *take(PyObject *self, PyObject *args)
{
    Py_ssize_t most;
    if (!PyArg_ParseTuple(args, "n", &most))
        return NULL;
    release_old(of(self));
    PyObject *list = PyList_New(0);
    struct ring *ring = thread_left(of(self)->thread);
    const struct ring_message *message;
    while (list != NULL && PyList_Size(list) < most && (message = ring_next(ring)) != NULL) {
        of(self)->taken += message->why > MISSES_WAITED && message->why != MISSES_LATE;
        PyObject *one = one_left(message);
        if (one == NULL || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    ring_free_read(ring);
    return list;
}

/* Return how many questions are on their way that Python has not been left yet, and how many queries wait for them. */
static PyObject *count(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    const struct misses *misses = thread_misses(of(self)->thread);
    unsigned long long ended = counter_read(&misses->ended) + of(self)->taken, begun = counter_read(&misses->begun);
    return Py_BuildValue("(KK)", begun > ended ? begun - ended : 0, (unsigned long long)counter_read(&misses->flights.waiting));
}

/* Return what was counted of the servers that had a number. */
static PyObject *upstream(PyObject *self, PyObject *args)
{
    unsigned number;
    if (!PyArg_ParseTuple(args, "I", &number))
        return NULL;
    if (number >= WAYS_SERVERS)
        return PyErr_Format(PyExc_ValueError, "a number out of bounds");
    const struct upstream_counts *counts = &thread_misses(of(self)->thread)->upstreams.servers[number].counts;
    double samples[UPSTREAM_SAMPLES];
    for (unsigned i = 0; i < UPSTREAM_SAMPLES; i++)
        samples[i] = atomic_load_explicit(&counts->samples[i], memory_order_relaxed);
    return Py_BuildValue("(NNdN)", module_numbers(counts->kinds, UPSTREAM_KINDS),
                         module_numbers(counts->durations, WAYS_BOUNDS + 1),
                         atomic_load_explicit(&counts->seconds, memory_order_relaxed),
                         module_bytes(samples, sizeof samples));
}

static PyObject *wake_of(PyObject *self, void *ignored)
{
    (void)ignored;
    return PyLong_FromLong(thread_wake(of(self)->thread));
}

static PyObject *ended_of(PyObject *self, void *ignored)
{
    (void)ignored;
    return PyBool_FromLong(thread_ended(of(self)->thread));
}

int module_add_thread(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"use", use, METH_VARARGS, NULL},
        {"start", start, METH_NOARGS, NULL},
        {"stop", stop, METH_NOARGS, NULL},
        {"watch", watch, METH_VARARGS, NULL},
        {"rest", rest, METH_VARARGS, NULL},
        {"forget", forget, METH_VARARGS, NULL},
        {"count", count, METH_NOARGS, NULL},
        {"upstream", upstream, METH_VARARGS, NULL},
        {"take", take, METH_VARARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyGetSetDef fields[] = {
        {"wake", wake_of, NULL, NULL, NULL},
        {"ended", ended_of, NULL, NULL, NULL},
        {NULL, NULL, NULL, NULL, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_new, MODULE_SLOT(thread_object_new)},
        {Py_tp_dealloc, MODULE_SLOT(thread_object_free)},
        {Py_tp_methods, methods},
        {Py_tp_getset, fields},
        {0, NULL},
    };
    static PyType_Spec spec = {"resolver.native._native.Thread", sizeof(struct thread_object), 0, Py_TPFLAGS_DEFAULT,
                               slots};
    return module_add_type(module, &spec, &module_thread_type);
}
