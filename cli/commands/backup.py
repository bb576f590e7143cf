"""`livedrops backup`: keep what is nowhere else, and bring it back."""

import signal
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from cli.addresses import ANALYTICS_POSTGRES, MEDIA_MONGO, NOTIFICATIONS_MONGO, ORDERS_POSTGRES, PRODUCTS_POSTGRES, USERS_MONGO, Addresses
from cli.backups import mongo, postgres
from cli.backups.folder import MANIFEST, BackupFolder, DatabasePart, Manifest
from cli.backups.postgres import Server
from cli.failures import CommandFailed
from cli.tables import table

_STOP_TIMEOUT_S = 10.0
_LOOK_EVERY_S = 0.5

folder_argument = click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))


@click.group()
def backup() -> None:
    """Keep what is nowhere else, and bring it back: docs/runbooks/backup-and-restore.md"""


@backup.command()
@folder_argument
@click.pass_obj
def create(addresses: Addresses, folder: Path) -> None:
    """Make a backup in DIR, beside traffic: PostgreSQL, then MongoDB as of one moment.

    The bytes of files that are kept in S3 are not in it.

    \b
    Example:
      livedrops backup create /backups
    """
    here, began = BackupFolder(folder), datetime.now(UTC)
    with here.new() as (id, draft):
        servers = [postgres.back_up(server, draft / "postgres" / server.name) for server in _servers(addresses)]
        # After PostgreSQL: rows that tell of files never know more than there are.
        databases: list[DatabasePart] = []
        for url, names in _mongo_databases(addresses).items():
            databases += mongo.back_up(url, sorted(names.values()), draft / "mongo")
        manifest = Manifest(id, began, datetime.now(UTC), servers, databases)
        (draft / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    took_s = (manifest.ended_at - began).total_seconds()
    click.echo(f"{here.of(id)}: {manifest.size / 1e6:.1f} MB in {took_s:.1f} s")


@backup.command(name="list")
@folder_argument
def list_backups(folder: Path) -> None:
    """Show the backups in DIR, oldest first, and how far the log goes.

    \b
    Example:
      livedrops backup list /backups
    """
    here = BackupFolder(folder)
    rows = [
        (one.id, f"{one.size / 1e6:.1f}", sum(part.documents for part in one.mongo), ", ".join(part.name for part in one.postgres))
        for one in here.backups()
    ]
    for line in table(("ID", "MB", "DOCUMENTS", "SERVERS"), rows):
        click.echo(line)
    for wal in sorted((folder / "wal").glob("*")):
        last = max((file.stat().st_mtime for file in wal.iterdir()), default=0.0)
        click.echo(f"The log of {wal.name} goes to {datetime.fromtimestamp(last, UTC):%Y-%m-%d %H:%M:%S} UTC.")


@backup.command()
@folder_argument
@click.pass_obj
def follow(addresses: Addresses, folder: Path) -> None:
    """Receive PostgreSQL's log into DIR as it is written, until Ctrl-C or SIGTERM.

    What is not received yet PostgreSQL keeps, also while this does not run: bound that with its max_slot_wal_keep_size.

    \b
    Example:
      livedrops backup follow /backups
    """
    here = BackupFolder(folder)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    running = {server.name: postgres.follow(server, here.wal(server.name)) for server in _servers(addresses)}
    click.echo(f"Following {', '.join(running)}", err=True)
    try:
        with suppress(KeyboardInterrupt):
            while not stopping.wait(_LOOK_EVERY_S):
                if ended := [name for name, process in running.items() if process.poll() is not None]:
                    raise CommandFailed("FOLLOW_ENDED", f"pg_receivewal of {ended[0]} has ended by itself; what it said is above.")
    finally:
        for process in running.values():
            process.send_signal(signal.SIGINT)
        for process in running.values():
            process.wait(_STOP_TIMEOUT_S)


@backup.command()
@folder_argument
@click.option("--id", help="Of the backup; the newest without it.")
@click.option("--postgres", "data", type=click.Path(file_okay=False, path_type=Path), help="Make PostgreSQL's data folder here.")
@click.option("--server", help="Which server's, where the backup has several.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"]), help="Of the log, only up to this time, in UTC."
)
@click.option("--mongo", "with_mongo", is_flag=True, help="Fill the databases of LIVEDROPS_*_MONGO_URL, which must be empty.")
@click.pass_obj
def restore(
    addresses: Addresses, folder: Path, id: str | None, data: Path | None, server: str | None, until: datetime | None, with_mongo: bool
) -> None:
    """Bring back from DIR: PostgreSQL as a data folder on which it is then started, MongoDB into empty databases.

    PostgreSQL then reads its log by itself, up to the last of it that was received. Nothing is ever written over.

    \b
    Example:
      livedrops backup restore /backups --postgres /srv/postgres/data --mongo --until 2026-11-28T07:50:00
    """
    if data is None and not with_mongo:
        raise click.UsageError("Say what to bring back: --postgres FOLDER, --mongo, or both.")
    here = BackupFolder(folder.resolve())
    chosen = here.choose(id)
    if data is not None:
        _restore_postgres(here, chosen, data.resolve(), server, until.replace(tzinfo=UTC) if until else None)
    if with_mongo:
        _restore_mongo(addresses, here, chosen)


def _restore_postgres(here: BackupFolder, chosen: Manifest, data: Path, server: str | None, until: datetime | None) -> None:
    if until is not None and until < chosen.ended_at:
        raise CommandFailed("TOO_EARLY", f"Backup {chosen.id} ended at {chosen.ended_at:%Y-%m-%dT%H:%M:%S}: choose an older one with --id.")
    parts = [part for part in chosen.postgres if server in (None, part.name)]
    if len(parts) != 1:
        raise CommandFailed("AMBIGUOUS", f"Say which with --server: {', '.join(part.name for part in chosen.postgres)}")
    began = time.monotonic()
    postgres.restore(parts[0], here.of(chosen.id) / "postgres" / parts[0].name, here.wal(parts[0].name), data, until)
    click.echo(f"{data} is ready for PostgreSQL to start on: {', '.join(parts[0].databases)}, in {time.monotonic() - began:.1f} s")


def _restore_mongo(addresses: Addresses, here: BackupFolder, chosen: Manifest) -> None:
    """By context: a database may have another name here than where it was backed up."""
    began, documents = time.monotonic(), 0
    kept = {part.name for part in chosen.mongo}
    for url, names in _mongo_databases(addresses).items():
        for context, name in names.items():
            source = name if name in kept else context
            if source not in kept:
                raise CommandFailed("NOT_FOUND", f"Backup {chosen.id} has no database {name}.")
            documents += mongo.restore(url, name, here.of(chosen.id) / "mongo" / source)
    click.echo(f"{documents} documents are back in MongoDB, in {time.monotonic() - began:.1f} s")


def _servers(addresses: Addresses) -> list[Server]:
    contexts = {"orders": ORDERS_POSTGRES, "products": PRODUCTS_POSTGRES, "analytics": ANALYTICS_POSTGRES}
    return postgres.servers_of({context: addresses.require(variable) for context, variable in contexts.items()})


def _mongo_databases(addresses: Addresses) -> dict[str, dict[str, str]]:
    """Names of databases by context, by address."""
    wanted = {
        "users": (USERS_MONGO, addresses.users_database()),
        "notifications": (NOTIFICATIONS_MONGO, addresses.notifications_database()),
    }
    if addresses.find("LIVEDROPS_MEDIA_STORE") != "s3":
        wanted["media"] = (MEDIA_MONGO, addresses.media_database())
    found: dict[str, dict[str, str]] = {}
    for context, (variable, name) in wanted.items():
        found.setdefault(addresses.require(variable), {})[context] = name
    return found
