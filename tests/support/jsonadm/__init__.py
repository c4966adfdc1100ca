"""A shop's admin JSON API as recorded from a real one, served from the state of our own shop; to read and to remove.

It tells what was recorded (tests/fixtures/recordings/jsonadm): `app.py` the exchanges, `rows.py` the records, `query.py` what a
query string asks for. `tests/support/admin_host.py` is the host around it: who may come in.
"""
