"""For developers: write the next migration, the way from what the migrations make so far to tables.py (see env.py)."""

import re
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import Script, ScriptDirectory

from worker.store import schema
from worker.store.session import Store


def main(message: str) -> None:
    """Write `versions/vNNNN_message.py`."""
    config = schema.alembic_config()
    newest = ScriptDirectory.from_config(config).get_current_head()
    number = int(newest or 0) + 1
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'scratch.db'}")
        if number > 1:
            schema.upgrade(store)
        with store.engine.begin() as connection:
            config.attributes |= {"connection": connection, "render_as_batch": number > 1}
            written = command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        store.dispose()
    if isinstance(written, Script):
        path = Path(written.path)
        path.write_text(re.sub(r" *# ###.*\n?", "", path.read_text()))  # Alembic's own comments


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
