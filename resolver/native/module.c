#include "module.h"

PyTypeObject *module_cache_type, *module_cell_type, *module_snapshot_type, *module_loop_type, *module_thread_type;

int module_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **type)
{
    *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *type == NULL ? -1 : PyModule_AddType(module, *type);
}

void module_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

int module_no_memory(const void *pointer)
{
    if (pointer != NULL)
        return 0;
    PyErr_NoMemory();
    return 1;
}

PyObject *module_bytes(const void *bytes, size_t size)
{
    return PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
}

static int fill(PyObject *module)
{
    return module_add_cache(module) < 0 || module_add_snapshot(module) < 0 || module_add_loop(module) < 0 ||
                   module_add_thread(module) < 0 || module_add_streams(module) < 0 || module_add_build(module) < 0
               ? -1
               : 0;
}

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC PyInit__native(void)
{
    static PyModuleDef_Slot slots[] = {{Py_mod_exec, MODULE_SLOT(fill)}, {0, NULL}};
    static struct PyModuleDef module = {
        PyModuleDef_HEAD_INIT,
        .m_name = "resolver.native._native",
        .m_doc = "Answers what is known without the interpreter; see resolver/native/_native.pyi.",
        .m_slots = slots,
    };
    return PyModuleDef_Init(&module);
}
