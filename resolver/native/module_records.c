/* Reading an answer of an upstream server as the threads do: for tests. */
#include "module.h"
#include "records.h"

#include <stdlib.h>
#include <string.h>

/* Read one answer: None: it is none to the question; False: not a plain one; or what cache.get returns of it, from the
 * RCODE on, and whether it is kept. */
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
                              module_bytes(entry->body, entry->body_size), module_bytes(entry->ttls, 2 * entry->ttl_count),
                              module_bytes(entry->options, entry->options_size), module_bytes(entry->aliases, entry->aliases_size),
                              entry->stored, entry->expires, entry->refresh_at, entry->stale_until,
                              PyBool_FromLong(read->keep), PyBool_FromLong(read->edns));
end:
    free(wire);
    free(read);
    return found;
}

int module_add_records(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"read_answer", read_answer, METH_VARARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    return PyModule_AddFunctions(module, functions);
}
