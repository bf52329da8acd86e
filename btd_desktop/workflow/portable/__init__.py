"""A case in one file for the other side: read-only, every byte under a digest.

A ZIP archive, stored and not compressed, in one order and with one spelling, so that
the same case gives the same bytes. It begins with a manifest that names each part with
its digest. On opening every part is compared before anything of it is used, and the
archive is written once more, into a digest: a byte changed between parts shows too.

Whoever hands such a file over can have rewritten all of it, manifest included: what
vouches for the case is the audit head in a signed report, as for any received case.
"""
