/* Streams: answers what came over streams, one message at a time, and counts. */
#include "module.h" /* first: it settles what the system headers declare */

#include "clock.h"

struct streams_object {
    PyObject_HEAD
    PyObject *loop;                     /* whose counters these are */
    uint8_t reply[ANSWER_STREAM_MAX];   /* of the message at hand */
};

static struct streams_object *of(PyObject *self)
{
    return (struct streams_object *)(void *)self;
}

static PyObject *streams_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"loop", NULL};
    PyObject *loop, *self;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!", names, module_loop_type, &loop))
        return NULL;
    self = PyType_GenericAlloc(type, 0);
    if (self != NULL) {
        Py_INCREF(loop);
        of(self)->loop = loop;
    }
    return self;
}

static void streams_free(PyObject *self)
{
    Py_XDECREF(of(self)->loop);
    module_free(self);
}

static PyObject *answer_message(PyObject *self, PyObject *args)
{
    PyObject *snapshot, *cache;
    const char *wire, *address;
    Py_ssize_t wire_size, address_size;
    int v6;
    if (!PyArg_ParseTuple(args, "O!O!y#y#p", module_snapshot_type, &snapshot, module_cache_type, &cache, &wire,
                          &wire_size, &address, &address_size, &v6))
        return NULL;
    struct known known = module_known_of(snapshot, cache);
    struct source source = {(const uint8_t *)address, (size_t)address_size, true};
    struct asked asked;
    struct answer given;
    double began = clock_now();
    enum answered answered = answer_look(&known, (const uint8_t *)wire, (size_t)wire_size, source, &asked);
    if (answered == ANSWER_GIVEN)
        answered = answer_give(&known, &asked, began, of(self)->reply, &given);
    if (answered == ANSWER_MISS)
        answered = ANSWER_HAND_OVER;
    if (answered != ANSWER_GIVEN) {
        bool unmet = answered == ANSWER_UNMET;
        return Py_BuildValue("(III)", (unsigned)answered, unmet ? given.profile : 0, unmet ? given.set : 0);
    }
    struct counters *counters = module_counters_of(of(self)->loop);
    unsigned answers[ANSWER_SOURCES] = {0};
    answers[given.source] = 1;
    counters_answer(counters, &given, v6);
    counters_note(counters, &given, given.verdict->label, asked.query.key, asked.query.name_size, source, began);
    double ended = clock_now();
    counters_took(counters, answers, ended - began);
    events_publish(counters->events, ended);
    return module_bytes(of(self)->reply, given.size);
}

int module_add_streams(PyObject *module)
{
    static PyTypeObject *type;
    static PyMethodDef methods[] = {
        {"answer", answer_message, METH_VARARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_new, MODULE_SLOT(streams_new)},
        {Py_tp_dealloc, MODULE_SLOT(streams_free)},
        {Py_tp_methods, methods},
        {0, NULL},
    };
    static PyType_Spec spec = {"resolver.native._native.Streams", sizeof(struct streams_object), 0, Py_TPFLAGS_DEFAULT,
                               slots};
    return module_add_type(module, &spec, &type);
}
