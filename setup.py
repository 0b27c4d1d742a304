"""The native part, which is optional: without a compiler or Python's headers the install succeeds without it."""

from pathlib import Path

from setuptools import Extension, setup

SOURCES = sorted(map(str, Path("resolver/native").glob("*.c")))
HEADERS = sorted(map(str, Path("resolver/native").glob("*.h")))

setup(
    ext_modules=[
        Extension(
            "resolver.native._native",
            SOURCES,
            depends=HEADERS,
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-std=c11", "-O2", "-pthread", "-fvisibility=hidden"],
            extra_link_args=["-pthread"],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
