"""`chat privacy receipts` and `replay-ledger`: receipts outside Cassandra, and what they do after a restore."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from chat.cli.output import AsJson, json_line, line
from chat.cli.start import start
from chat.privacy.ledger import LedgerFolder
from chat.settings import Settings
from chat.storage import migrate
from chat.storage.ledger_replay import LedgerReplay, Replayed
from chat.storage.receipts import CassandraReceipts
from chat.storage.session import Connection

Folder = Annotated[Path | None, typer.Argument(help="By default ERASURE_LEDGER.")]


def receipts(folder: Folder = None, *, as_json: AsJson = False) -> None:
    """Write every receipt of an erasure into a folder, a file each: the ledger's own form.

    For whoever keeps them elsewhere too, and for erasures that are older than the ledger.
    """
    settings = start()
    written = asyncio.run(_write(settings, LedgerFolder(folder or settings.erasure_ledger, made=True)))
    json_line({"receipts": written}) if as_json else line(f"{written} receipts")


def replay_ledger(folder: Folder = None, *, as_json: AsJson = False) -> None:
    """After an older Cassandra was restored and before a worker or an API starts: end again what was erased since.

    Ends the lives that the receipts name, removes their rows, and puts the receipts back into their chain. It may be
    broken off and run again. A receipt that was not signed here, or one that is missing, stops it before it begins.
    """
    settings = start()
    done = asyncio.run(_replay(settings, LedgerFolder(folder or settings.erasure_ledger, made=False)))
    if as_json:
        json_line(done._asdict())
    else:
        line(f"{done.receipts} receipts: {done.lives} lives are over, {done.purged} of them had rows, which are gone")


async def _write(settings: Settings, ledger: LedgerFolder) -> int:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        kept, count = await CassandraReceipts.open(connection), 0
        for tenant_id in await kept.tenants():
            for link in await kept.chain(tenant_id):
                await ledger.add(tenant_id, link.number, link.document)
                count += 1
    finally:
        await connection.close()
    return count


async def _replay(settings: Settings, ledger: LedgerFolder) -> Replayed:
    connection = await Connection.open(settings)
    try:
        await migrate.check(connection)
        return await (await LedgerReplay.open(connection)).run(ledger.documents())
    finally:
        await connection.close()
