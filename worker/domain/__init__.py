"""The rules: who must be told what, and when. Pure: standard library only, no I/O, no clock, no ORM."""
