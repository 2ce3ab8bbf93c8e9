"""The checks, one function per kind of fault. Adding one: a function here, a line in `CHECKS`."""
