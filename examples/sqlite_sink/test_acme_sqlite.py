import sqlite3

import pytest
from acme_sqlite import SqliteSink

from sinks.testing import SinkContract


class TestSqliteSink(SinkContract):
    @pytest.fixture(autouse=True)
    def storage(self, tmp_path):
        self.path = str(tmp_path / "flags.db")
        SqliteSink(self.path).open()

    def make(self):
        return SqliteSink(self.path)

    def read(self):
        return sqlite3.connect(self.path).execute("select * from flags").fetchall()
