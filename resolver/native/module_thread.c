/* Thread: answers on sockets without the interpreter, and gives what it left. */
#include "module.h"
#include "thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the thread uses, or used and may still read; the objects are what it is inside of. */
struct held {
    struct known known;
    PyObject *snapshot, *cache;
    struct held *before;
};

struct thread_object {
    PyObject_HEAD
    PyObject *loop;
    struct thread *thread;
    struct held *held;       /* the first is in use */
};

static struct thread_object *of(PyObject *self)
{
    return (struct thread_object *)(void *)self;
}

static void release(struct held *held)
{
    Py_DECREF(held->snapshot);
    Py_DECREF(held->cache);
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
    static char *names[] = {"loop", NULL};
    PyObject *loop;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!", names, module_loop_type, &loop))
        return NULL;
    PyObject *self = PyType_GenericAlloc(type, 0);
    if (self == NULL)
        return NULL;
    Py_INCREF(loop);
    of(self)->loop = loop;
    of(self)->thread = thread_create(module_loop_of(loop), module_counters_of(loop));
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
    PyObject *snapshot, *cache;
    if (!PyArg_ParseTuple(args, "O!O!", module_snapshot_type, &snapshot, module_cache_type, &cache))
        return NULL;
    struct held *held = malloc(sizeof *held);
    if (module_no_memory(held))
        return NULL;
    Py_INCREF(snapshot);
    Py_INCREF(cache);
    *held = (struct held){module_known_of(snapshot, cache), snapshot, cache, of(self)->held};
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

static PyObject *forget(PyObject *self, PyObject *args)
{
    int number;
    if (!PyArg_ParseTuple(args, "i", &number))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    thread_forget(of(self)->thread, number);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
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
        PyObject *one = one_left(message);
        if (one == NULL || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    ring_free_read(ring);
    return list;
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
        {"forget", forget, METH_VARARGS, NULL},
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
