"""NIfTI, NRRD, MetaImage, NumPy and PNG files. Parsed in the parsing process.

Headers are read by small closed grammars of our own, and values by NumPy from the very
bytes that were digested: nothing is written, nothing is opened, and no header that was
received reaches a library that would act upon it.
"""
