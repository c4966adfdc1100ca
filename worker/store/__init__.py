"""The database: tables, sessions, migrations and the queries of each stage. The only truth Watchpost has."""
