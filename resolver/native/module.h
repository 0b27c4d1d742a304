/* The types of the module `_native`: each wraps one part, checks what Python gives, and does nothing else.
 *
 * All of them are used by threads that hold the interpreter's lock, and of that the event loop's alone changes them. What
 * the threads of thread.h read meanwhile says so in its header. */
#ifndef MODULE_H
#define MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "cache.h"
#include "loop.h"

extern PyTypeObject *module_cache_type, *module_cell_type, *module_snapshot_type, *module_loop_type, *module_thread_type;

/* A function as a slot of a type holds it; ISO C has no way from one to the other, every system with Python has. */
#define MODULE_SLOT(function) __extension__(void *)(function)

/* Make a type and add it to the module. Returns what PyModule_AddType returns. */
int module_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **type);

int module_add_cache(PyObject *module);
int module_add_snapshot(PyObject *module); /* and Cell */
int module_add_loop(PyObject *module);
int module_add_build(PyObject *module); /* functions, and Inheritance */
int module_add_thread(PyObject *module);
int module_add_streams(PyObject *module);

/* Return what is inside an object of these types. */
struct cache *module_cache_of(PyObject *self);
struct known module_known_of(PyObject *snapshot, PyObject *cache);
struct loop *module_loop_of(PyObject *self);
struct counters *module_counters_of(PyObject *self);

/* Return bytes with these in them. */
PyObject *module_bytes(const void *bytes, size_t size);

/* Free the object itself, which is of a type on the heap. */
void module_free(PyObject *self);

/* Return whether a pointer is NULL, and then say that there is no memory. */
int module_no_memory(const void *pointer);

#endif
