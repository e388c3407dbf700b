"""The sandbox around a kernel: namespaces, Landlock, seccomp, and the tests of each layer."""
