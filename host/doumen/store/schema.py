"""The tables, and which of their versions this program knows.

Times are milliseconds since 1970 UTC, coordinates 1e-7 degrees, temperatures °C. Everything is portable SQL;
what is particular to a database stands in `engines`. (The `sqlite_` options are hints that others ignore.)
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    insert,
    inspect,
    select,
    update,
)

from doumen.errors import StoreError

VERSION = 1

metadata = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

devices = Table(
    "devices",
    metadata,
    # A small number stands for the device in every other table: a name of 12 characters would double a fix.
    Column("key", Integer, primary_key=True),
    Column("device_id", String(64), nullable=False, unique=True),
    Column("role", String(16)),
    Column("firmware", String(32)),
    Column("sensor", String(64)),  # fingerprint of its thermal sensor's EEPROM
    Column("first_seen_ms", BigInteger),
    Column("last_seen_ms", BigInteger),
)

cursors = Table(
    "cursors",
    metadata,
    Column("device", Integer, ForeignKey("devices.key"), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("next_seq", BigInteger, nullable=False),
)

# What was handed over. A block without fixes leaves no positionfix, and rows may be purged one day; the
# digest still tells a repeated block from another one that claims its number.
blocks = Table(
    "blocks",
    metadata,
    Column("device", Integer, ForeignKey("devices.key"), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("boots", BigInteger, nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    sqlite_with_rowid=False,
)

positionfixes = Table(
    "positionfixes",
    metadata,
    Column("device", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("index_in_block", Integer, primary_key=True, autoincrement=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("lat_e7", Integer, nullable=False),
    Column("lon_e7", Integer, nullable=False),
    Column("hdop_c", Integer, nullable=False),
    Column("satellites", SmallInteger, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    ForeignKeyConstraint(
        ["device", "epoch", "seq"], ["blocks.device", "blocks.epoch", "blocks.seq"], name="fix_in_block"
    ),
    sqlite_with_rowid=False,
)
# The whole key follows the time, so that a page of a day route starts with one seek.
Index(
    "positionfixes_by_time",
    positionfixes.c.device,
    positionfixes.c.time_ms,
    positionfixes.c.epoch,
    positionfixes.c.seq,
    positionfixes.c.index_in_block,
)

passages = Table(
    "passages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gate", Integer, ForeignKey("devices.key"), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),
)
Index("passages_by_time", passages.c.gate, passages.c.ended_ms, passages.c.id)

# At most one reading a passage: none when no frame was good enough.
readings = Table(
    "readings",
    metadata,
    Column("passage", Integer, ForeignKey("passages.id"), primary_key=True, autoincrement=False),
    Column("skin_c", Double, nullable=False),
    Column("uncertainty_c", Double, nullable=False),
    Column("background_c", Double, nullable=False),
    Column("baseline_c", Double),
    Column("frames", Integer, nullable=False),
    Column("reasons", String(255), nullable=False),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("passage", Integer, ForeignKey("passages.id"), primary_key=True, autoincrement=False),
    Column("verdict", SmallInteger, nullable=False),
    Column("reasons", String(255), nullable=False),
)


def prepare(connection: Connection) -> None:
    """Create the tables in an empty database, or check that these are ours and of a version we know.

    Raises StoreError if the database belongs to a newer program, an older one, or another one.
    """
    names = inspect(connection).get_table_names()
    if not names:
        metadata.create_all(connection)
        connection.execute(insert(schema_version).values(version=VERSION))
        return
    if schema_version.name not in names:
        raise StoreError("this database belongs to another program; give Doumen a database of its own")
    versions = connection.execute(select(schema_version.c.version)).scalars().all()
    if len(versions) != 1:
        raise StoreError("this database does not say its version; restore it from a backup")
    if versions[0] > VERSION:
        raise StoreError(
            f"this database has version {versions[0]} and this Doumen knows up to {VERSION}; update Doumen"
        )
    if versions[0] < VERSION:
        raise StoreError(
            f"this database has version {versions[0]}, which this Doumen (version {VERSION}) cannot upgrade; "
            "open it with the Doumen that wrote it"
        )
    # A write that changes nothing: a database that cannot be written is refused now, not at the first block.
    connection.execute(update(schema_version).values(version=VERSION))
