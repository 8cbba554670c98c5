"""What exports sets in tests of services."""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.contents.contents import ContentReader
from services.proofs.certificate_reading import CertificateReads
from services.references.name_books import NameBooks
from services.sets.backup_sets import BackupSets
from services.sets.exports import SetExporter
from tests.services.content_rows import signing_keys, tenant_keys


def set_exporter(engine: AsyncEngine) -> SetExporter:
    """Return the exporter on a database, with the keys that other helpers use."""
    keys = tenant_keys(engine)
    sets = BackupSets(engine=engine, keys=keys)
    return SetExporter(
        sets=sets,
        reader=ContentReader(engine=engine, keys=keys),
        names=NameBooks(engine=engine, keys=keys, sets=sets),
        certificates=CertificateReads(engine=engine, signing_keys=signing_keys()),
    )
