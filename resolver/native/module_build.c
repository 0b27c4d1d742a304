/* The steps of a build, and Inheritance. They take large arrays, which are looked over here, and let the interpreter
 * go on meanwhile. */
#include "module.h"

#include <stdlib.h>
#include <string.h>

#include "list_lines.h"
#include "table_build.h"

static PyTypeObject *inheritance_type;

struct inheritance_object {
    PyObject_HEAD
    Py_buffer slots; /* keeps the file mapped */
    struct build_inheritance *made;
    bool busy; /* a thread is in it */
};

static struct inheritance_object *of(PyObject *self)
{
    return (struct inheritance_object *)(void *)self;
}

/* Return how many numbers of `size` bytes an array has, 0 where it is none of such numbers. */
static size_t numbers(const Py_buffer *array, size_t size)
{
    return (uintptr_t)array->buf % size || (size_t)array->len % size ? 0 : (size_t)array->len / size;
}

static void release(Py_buffer *arrays, size_t count)
{
    for (size_t i = 0; i < count; i++)
        PyBuffer_Release(arrays + i);
}

/* Return whether a step is done, or has to be answered; false with what came in between as an exception. */
static bool passes(enum build_status status)
{
    switch (status) {
    case BUILD_DONE:
    case BUILD_ASK:
        return true;
    case BUILD_CROWDED:
        PyErr_SetString(PyExc_OverflowError, "too many names crowd at one place");
        return false;
    case BUILD_TOO_MANY:
        PyErr_SetString(PyExc_OverflowError, "the lists say too many different things");
        return false;
    case BUILD_NO_MEMORY:
        PyErr_NoMemory();
        return false;
    default:
        PyErr_SetString(PyExc_ValueError, "does not fit together");
        return false;
    }
}

static size_t line_feeds(const Py_buffer *text)
{
    const char *at = text->buf, *end = at + text->len;
    size_t count = 0;
    for (; at < end; at++)
        count += *at == '\n';
    return count;
}

static PyObject *scan(PyObject *module, PyObject *args)
{
    (void)module;
    int shape;
    unsigned first;
    Py_buffer given[4]; /* data, names, lines, odd */
    if (!PyArg_ParseTuple(args, "iy*Iw*w*w*", &shape, &given[0], &first, &given[1], &given[2], &given[3]))
        return NULL;
    struct lines_found found = {.names = given[1].buf, .lines = given[2].buf, .odd = given[3].buf};
    bool fits = shape >= 0 && shape < LINES_SHAPES && given[0].len <= UINT32_MAX && given[1].len >= given[0].len;
    Py_BEGIN_ALLOW_THREADS
    size_t count = line_feeds(&given[0]);
    fits = fits && numbers(&given[2], sizeof *found.lines) >= count &&
           numbers(&given[3], sizeof found.odd->number) >= count * (sizeof *found.odd / sizeof found.odd->number);
    if (fits)
        lines_scan((enum lines_shape)shape, given[0].buf, (size_t)given[0].len, first, &found);
    Py_END_ALLOW_THREADS
    release(given, 4);
    if (!passes(fits ? BUILD_DONE : BUILD_BAD_INPUT))
        return NULL;
    return Py_BuildValue("(nnn)", (Py_ssize_t)found.bytes, (Py_ssize_t)found.count, (Py_ssize_t)found.odd_count);
}

static PyObject *keys(PyObject *module, PyObject *args)
{
    (void)module;
    unsigned long long prime, factor;
    Py_buffer given[3]; /* names, keys, dots */
    if (!PyArg_ParseTuple(args, "y*KKw*w*", &given[0], &prime, &factor, &given[1], &given[2]))
        return NULL;
    enum build_status status = BUILD_BAD_INPUT;
    if (given[2].len == BUILD_DOTS_MAX + 1) {
        Py_BEGIN_ALLOW_THREADS
        status = build_keys(given[0].buf, (size_t)given[0].len, (struct build_secret){prime, factor}, given[1].buf,
                            numbers(&given[1], sizeof(uint64_t)), given[2].buf);
        Py_END_ALLOW_THREADS
    }
    release(given, 3);
    return passes(status) ? Py_NewRef(Py_None) : NULL;
}

static PyObject *words(PyObject *module, PyObject *args)
{
    (void)module;
    unsigned first;
    Py_buffer given[4]; /* keys, kinds, words, spare */
    if (!PyArg_ParseTuple(args, "y*y*Iw*w*", &given[0], &given[1], &first, &given[2], &given[3]))
        return NULL;
    enum build_status status = BUILD_BAD_INPUT;
    size_t made = 0, count = numbers(&given[0], sizeof(uint64_t));
    if (numbers(&given[1], sizeof(uint16_t)) == count && numbers(&given[2], sizeof(uint64_t)) >= count &&
        numbers(&given[3], sizeof(uint64_t)) >= count) {
        Py_BEGIN_ALLOW_THREADS
        status = build_words(given[0].buf, given[1].buf, count, first, given[2].buf, given[3].buf, &made);
        Py_END_ALLOW_THREADS
    }
    release(given, 4);
    return passes(status) ? PyLong_FromSize_t(made) : NULL;
}

/* Take one run, `(first, words)`; false with an exception set. */
static bool take_run(PyObject *item, Py_buffer *array, struct build_run *run)
{
    if (item == NULL || !PyTuple_Check(item)) {
        if (item != NULL)
            PyErr_SetString(PyExc_TypeError, "a run is a tuple");
        return false;
    }
    if (!PyArg_ParseTuple(item, "Iy*", &run->first, array))
        return false;
    run->words = array->buf;
    run->count = numbers(array, sizeof *run->words);
    return true;
}

/* Runs of words that Python gave. */
struct runs {
    Py_buffer *arrays;
    struct build_run *runs;
    size_t count;
};

static void runs_release(struct runs *runs)
{
    release(runs->arrays, runs->count);
    free(runs->arrays);
    free(runs->runs);
}

/* Take a sequence of runs; false with an exception set. They are to be released in either case. */
static bool runs_take(PyObject *given, struct runs *runs)
{
    *runs = (struct runs){0};
    Py_ssize_t count = PySequence_Size(given);
    if (count < 0)
        return false;
    runs->arrays = calloc((size_t)count + 1, sizeof *runs->arrays);
    runs->runs = calloc((size_t)count + 1, sizeof *runs->runs);
    if (module_no_memory(runs->arrays) || module_no_memory(runs->runs))
        return false;
    for (; runs->count < (size_t)count; runs->count++) {
        PyObject *item = PySequence_GetItem(given, (Py_ssize_t)runs->count);
        bool taken = take_run(item, runs->arrays + runs->count, runs->runs + runs->count);
        Py_XDECREF(item);
        if (!taken)
            return false;
    }
    return true;
}

/* Return whether there are as many slots as for so many bits of a place. */
static bool has_slots(const Py_buffer *slots, unsigned bits)
{
    return bits <= BUILD_BITS_MAX && numbers(slots, sizeof(uint64_t)) >= ((size_t)1 << bits) + TABLE_PROBE_MAX;
}

static PyObject *fill(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *sequence;
    unsigned rules, bits;
    Py_buffer given[5]; /* slots, parents, rules, used, repeats */
    if (!PyArg_ParseTuple(args, "OIw*I(w*w*w*w*)", &sequence, &rules, &given[0], &bits, &given[1], &given[2],
                          &given[3], &given[4]))
        return NULL;
    struct runs runs;
    struct build_filled filled = {.parents = given[1].buf, .rules = given[2].buf, .used = given[3].buf,
                                  .repeats = given[4].buf, .room = numbers(&given[1], sizeof *filled.parents)};
    bool passed = runs_take(sequence, &runs);
    if (passed) {
        enum build_status status = BUILD_BAD_INPUT;
        if (has_slots(&given[0], bits) && numbers(&given[2], sizeof *filled.rules) >= filled.room &&
            numbers(&given[3], sizeof *filled.used) >= filled.room &&
            numbers(&given[4], sizeof *filled.repeats) >= rules) {
            Py_BEGIN_ALLOW_THREADS
            status = build_fill(runs.runs, runs.count, rules, given[0].buf, bits, &filled);
            Py_END_ALLOW_THREADS
        }
        passed = passes(status);
    }
    runs_release(&runs);
    release(given, 5);
    if (!passed)
        return NULL;
    return Py_BuildValue("(nKK)", (Py_ssize_t)filled.combinations, (unsigned long long)filled.names,
                         (unsigned long long)filled.longest_probe);
}

static PyObject *inheritance(PyObject *module, PyObject *args)
{
    (void)module;
    unsigned long long prime, factor;
    unsigned bits;
    Py_ssize_t combinations;
    Py_buffer slots;
    if (!PyArg_ParseTuple(args, "KKw*In", &prime, &factor, &slots, &bits, &combinations))
        return NULL;
    PyObject *self = PyType_GenericAlloc(inheritance_type, 0);
    if (self == NULL) {
        PyBuffer_Release(&slots);
        return NULL;
    }
    of(self)->slots = slots;
    if (has_slots(&slots, bits) && combinations >= 0)
        of(self)->made = build_inheritance_new((struct build_secret){prime, factor}, slots.buf, bits,
                                               (size_t)combinations);
    if (of(self)->made == NULL) {
        passes(BUILD_BAD_INPUT);
        Py_CLEAR(self);
    }
    return self;
}

static void inheritance_free(PyObject *self)
{
    build_inheritance_free(of(self)->made);
    PyBuffer_Release(&of(self)->slots);
    module_free(self);
}

/* Return whether another thread is in it, and then say so. */
static bool is_busy(PyObject *self)
{
    if (of(self)->busy)
        PyErr_SetString(PyExc_ValueError, "in use by another thread");
    return of(self)->busy;
}

static PyObject *inherit(PyObject *self, PyObject *args)
{
    unsigned first;
    Py_buffer given[2]; /* names, kinds */
    if (is_busy(self) || !PyArg_ParseTuple(args, "y*y*I", &given[0], &given[1], &first))
        return NULL;
    struct build_question question = {0};
    enum build_status status;
    of(self)->busy = true;
    Py_BEGIN_ALLOW_THREADS
    status = build_inherit(of(self)->made, given[0].buf, (size_t)given[0].len, given[1].buf,
                           numbers(&given[1], sizeof(uint16_t)), first, &question);
    Py_END_ALLOW_THREADS
    of(self)->busy = false;
    release(given, 2);
    if (!passes(status))
        return NULL;
    return status == BUILD_ASK ? Py_BuildValue("(II)", question.inherited, question.combination)
                               : Py_NewRef(Py_None);
}

static PyObject *answer_asked(PyObject *self, PyObject *args)
{
    unsigned origin, below;
    if (is_busy(self) || !PyArg_ParseTuple(args, "II", &origin, &below))
        return NULL;
    return passes(build_answer(of(self)->made, origin, below)) ? Py_NewRef(Py_None) : NULL;
}

static PyObject *covered(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    if (is_busy(self))
        return NULL;
    size_t count = build_covered_count(of(self)->made);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t place = 0; list != NULL && place < count; place++) {
        struct build_covered one = build_covered_at(of(self)->made, place);
        PyObject *item = Py_BuildValue("(IIK)", one.inherited, one.rule, (unsigned long long)one.times);
        if (item == NULL || PyList_SetItem(list, (Py_ssize_t)place, item) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static int add_inheritance(PyObject *module)
{
    static PyMethodDef methods[] = {
        {"inherit", inherit, METH_VARARGS, NULL},
        {"answer", answer_asked, METH_VARARGS, NULL},
        {"covered", covered, METH_NOARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, MODULE_SLOT(inheritance_free)},
        {Py_tp_methods, methods},
        {0, NULL},
    };
    static PyType_Spec spec = {"resolver.native._native.Inheritance", sizeof(struct inheritance_object), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    return module_add_type(module, &spec, &inheritance_type);
}

int module_add_build(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"lines_scan", scan, METH_VARARGS, NULL},
        {"build_keys", keys, METH_VARARGS, NULL},
        {"build_words", words, METH_VARARGS, NULL},
        {"build_fill", fill, METH_VARARGS, NULL},
        {"inheritance", inheritance, METH_VARARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    return add_inheritance(module) < 0 ? -1 : PyModule_AddFunctions(module, functions);
}
