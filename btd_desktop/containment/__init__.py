"""What holds a process that reads foreign bytes: one module a system.

Linux: `linux` with the filter of `syscalls`. Windows and macOS: `windows` and `macos`,
written after the vendors' documents and not tested on those systems.
"""
