"""What a database says about its own schema, as comparable facts."""

from sqlalchemy import Connection

_POSTGRES = """
    SELECT 'column', table_name, column_name,
           concat_ws(' ', udt_name, character_maximum_length, 'nullable', is_nullable, 'default', column_default)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""
_SQLITE = """
    SELECT 'column', t.name, c.name, printf('%s, %d, default %s, key %d', c.type, c."notnull", c.dflt_value, c.pk)
    FROM sqlite_master t JOIN pragma_table_xinfo(t.name) c WHERE t.type = 'table'
    UNION ALL
    SELECT 'index', tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
    UNION ALL
    SELECT 'unique', t.name, (SELECT group_concat(name) FROM pragma_index_info(i.name)), ''
    FROM sqlite_master t JOIN pragma_index_list(t.name) i WHERE t.type = 'table' AND i.origin = 'u'
    UNION ALL
    SELECT 'foreign key', t.name, f."from", printf('%s.%s, on delete %s', f."table", f."to", f.on_delete)
    FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table'
"""


def facts(connection: Connection) -> set[tuple[str, str, str, str]]:
    """Every column, index (with its predicate), constraint and foreign key: (kind, table, name, definition)."""
    query = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRES
    return {(row[0], row[1], row[2], row[3]) for row in connection.exec_driver_sql(query)}
