"""Cases: one folder that keeps evidence list, runs, results, findings and audit log.

The only package that imports sqlite3. `store.CaseStore` opens a case; `model` holds
what it returns.
"""
