//! The file: rows in redb tables, one commit per batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{
    Builder, Database, DatabaseError, Durability, Key, ReadableDatabase, ReadableTable,
    StorageError, TableDefinition, TableHandle, Value, WriteTransaction,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stadion_core::event::PlayerEvent;
use stadion_core::id::{MatchId, SessionId, TicketId};
use stadion_core::matches::Match;
use stadion_core::session::Session;
use stadion_core::ticket::{Idempotency, Ticket};

use super::{OpenError, Options};
use crate::ledger::{Ledger, Meta, Row, Stored};

/// The layout of the file. A program refuses a file with a higher one.
const SCHEMA: u64 = 1;

const TICKETS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("tickets");
const MATCHES: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("matches");
const SESSIONS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("sessions");
const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("stadion");
const META_SCHEMA: &str = "schema";
const META_VALUES: &str = "values";

/// Opens the file at a path with the given settings.
pub type Opener = Arc<dyn Fn(&Builder, &Path) -> Result<Database, DatabaseError> + Send + Sync>;

/// The opener that uses the file itself.
pub(super) fn file_opener() -> Opener {
    Arc::new(|builder, path| builder.create(path))
}

#[derive(Serialize)]
struct TicketOut<'a> {
    ticket: &'a Ticket,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a Idempotency>,
}

#[derive(Deserialize)]
struct TicketIn {
    ticket: Ticket,
    #[serde(default)]
    key: Option<Idempotency>,
}

/// What the file held.
pub(super) struct Loaded {
    pub(super) ledger: Ledger,
    pub(super) repaired: bool,
}

/// The file, while it works. After any I/O error redb refuses every further call on its handle, so the handle is
/// dropped and the file opened anew.
pub(super) struct Log {
    path: PathBuf,
    options: Options,
    database: Option<Database>,
}

impl Log {
    pub(super) fn new(path: PathBuf, options: Options) -> Self {
        Self {
            path,
            options,
            database: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.database.is_some()
    }

    /// Opens, verifies and reads the whole file.
    pub(super) fn open(&mut self) -> Result<Loaded, OpenError> {
        self.database = None;
        // redb promises an error, not the absence of panics, for a file that somebody else altered.
        let opened = catch_unwind(AssertUnwindSafe(|| self.open_checked()));
        let (database, loaded) = opened.unwrap_or_else(|_| {
            Err(OpenError::Corrupt {
                path: self.path.clone(),
                why: "its pages contradict one another".into(),
            })
        })?;
        self.database = Some(database);
        Ok(loaded)
    }

    fn open_checked(&self) -> Result<(Database, Loaded), OpenError> {
        let unclean = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&unclean);
        let mut builder = Builder::new();
        builder
            .set_cache_size(self.options.cache_bytes)
            .set_repair_callback(move |_| seen.store(true, Ordering::Relaxed));
        let mut database =
            (self.options.opener)(&builder, &self.path).map_err(|error| self.explain(error))?;
        let repaired = unclean.load(Ordering::Relaxed);
        // A repair has verified every checksum; otherwise it is done here, before anything is believed.
        if !repaired {
            database
                .check_integrity()
                .map_err(|error| self.explain(error))?;
        }
        self.check_schema(&database)?;
        let ledger = self.load(&database)?;
        Ok((database, Loaded { ledger, repaired }))
    }

    fn explain(&self, error: DatabaseError) -> OpenError {
        let path = self.path.clone();
        let why = error.to_string();
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                OpenError::Locked { path }
            }
            DatabaseError::Storage(StorageError::Io(io))
                if io.kind() == std::io::ErrorKind::InvalidData =>
            {
                OpenError::NotOurs { path, why }
            }
            DatabaseError::UpgradeRequired(_) => OpenError::NotOurs { path, why },
            DatabaseError::Storage(StorageError::Corrupted(why)) => {
                OpenError::Corrupt { path, why }
            }
            _ => OpenError::Io { path, why },
        }
    }

    fn io(&self, error: impl Into<redb::Error>) -> OpenError {
        let path = self.path.clone();
        match error.into() {
            redb::Error::Corrupted(why) => OpenError::Corrupt { path, why },
            other => OpenError::Io {
                path,
                why: other.to_string(),
            },
        }
    }

    /// Knows its own files by a row of the first commit, and makes a new one from an empty database.
    fn check_schema(&self, database: &Database) -> Result<(), OpenError> {
        let read = database.begin_read().map_err(|e| self.io(e))?;
        let tables = read.list_tables().map_err(|e| self.io(e))?;
        let names: Vec<String> = tables.map(|table| table.name().to_owned()).collect();
        if names.is_empty() {
            drop(read);
            return create_tables(database).map_err(|e| self.io(e));
        }
        let not_ours = |why: String| OpenError::NotOurs {
            path: self.path.clone(),
            why,
        };
        if !names.iter().any(|name| name == META.name()) {
            return Err(not_ours(format!("it has the tables {}", names.join(", "))));
        }
        let meta = read.open_table(META).map_err(|e| not_ours(e.to_string()))?;
        let schema = meta.get(META_SCHEMA).map_err(|e| self.io(e))?;
        let found = schema
            .and_then(|row| row.value().try_into().ok().map(u64::from_be_bytes))
            .ok_or_else(|| not_ours("it names no schema".into()))?;
        if found > SCHEMA {
            return Err(OpenError::Newer {
                path: self.path.clone(),
                found,
                known: SCHEMA,
            });
        }
        Ok(())
    }

    fn load(&self, database: &Database) -> Result<Ledger, OpenError> {
        let mut ledger = Ledger::default();
        self.each(database, TICKETS, |id, row: TicketIn| {
            let stored = Stored {
                ticket: Arc::new(row.ticket),
                idempotency: row.key.map(Arc::new),
            };
            ledger.put(&Row::Ticket(TicketId::from_u128(id), Some(stored)));
        })?;
        self.each(database, MATCHES, |id, game: Match| {
            ledger.put(&Row::Match(MatchId::from_u128(id), Some(Arc::new(game))));
        })?;
        self.each(database, SESSIONS, |id, session: Session| {
            let session = Some(Arc::new(session));
            ledger.put(&Row::Session(SessionId::from_u128(id), session));
        })?;
        self.each(database, EVENTS, |number, event: PlayerEvent| {
            ledger.put(&Row::Event(number, Arc::new(event)));
        })?;
        let read = database.begin_read().map_err(|e| self.io(e))?;
        let table = read.open_table(META).map_err(|e| self.io(e))?;
        if let Some(row) = table.get(META_VALUES).map_err(|e| self.io(e))? {
            ledger.put(&Row::Meta(self.decode::<Meta>(META.name(), row.value())?));
        }
        Ok(ledger)
    }

    fn each<K, V>(
        &self,
        database: &Database,
        table: TableDefinition<'_, K, &'static [u8]>,
        mut take: impl FnMut(K, V),
    ) -> Result<(), OpenError>
    where
        K: Key + for<'a> Value<SelfType<'a> = K> + 'static,
        V: DeserializeOwned,
    {
        let read = database.begin_read().map_err(|e| self.io(e))?;
        let rows = read.open_table(table).map_err(|e| self.io(e))?;
        for row in rows.iter().map_err(|e| self.io(e))? {
            let (key, value) = row.map_err(|e| self.io(e))?;
            take(key.value(), self.decode(table.name(), value.value())?);
        }
        Ok(())
    }

    fn decode<V: DeserializeOwned>(&self, table: &str, bytes: &[u8]) -> Result<V, OpenError> {
        serde_json::from_slice(bytes).map_err(|error| OpenError::Corrupt {
            path: self.path.clone(),
            why: format!("a row of {table}: {error}"),
        })
    }

    /// Writes `rows` in their order; they are durable when it returns. After an error the file is closed, and whether
    /// the rows are in it is known only after [`Self::open`].
    pub(super) fn commit(&mut self, rows: &[Row]) -> Result<(), String> {
        let Some(database) = &self.database else {
            return Err("it is closed".into());
        };
        let written = write(database, rows);
        written.map_err(|error| {
            self.database = None;
            error.to_string()
        })
    }
}

/// Encoding into memory cannot fail for these types: their keys are texts and their numbers plain.
fn encode<T: Serialize>(buffer: &mut Vec<u8>, value: &T) -> Result<(), redb::Error> {
    buffer.clear();
    serde_json::to_writer(buffer, value)
        .map_err(|error| redb::Error::Io(std::io::Error::other(error)))
}

fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = begin(database)?;
    transaction.open_table(TICKETS)?;
    transaction.open_table(MATCHES)?;
    transaction.open_table(SESSIONS)?;
    transaction.open_table(EVENTS)?;
    transaction
        .open_table(META)?
        .insert(META_SCHEMA, SCHEMA.to_be_bytes().as_slice())?;
    transaction.commit()?;
    Ok(())
}

fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(redb::Error::from)?;
    Ok(transaction)
}

fn write(database: &Database, rows: &[Row]) -> Result<(), redb::Error> {
    let transaction = begin(database)?;
    {
        let mut tickets = transaction.open_table(TICKETS)?;
        let mut matches = transaction.open_table(MATCHES)?;
        let mut sessions = transaction.open_table(SESSIONS)?;
        let mut events = transaction.open_table(EVENTS)?;
        let mut meta = transaction.open_table(META)?;
        let mut buffer = Vec::with_capacity(1_024);
        for row in rows {
            match row {
                Row::Ticket(id, Some(stored)) => {
                    let out = TicketOut {
                        ticket: &stored.ticket,
                        key: stored.idempotency.as_deref(),
                    };
                    encode(&mut buffer, &out)?;
                    tickets.insert(id.as_u128(), buffer.as_slice())?;
                }
                Row::Ticket(id, None) => drop(tickets.remove(id.as_u128())?),
                Row::Match(id, Some(game)) => {
                    encode(&mut buffer, &**game)?;
                    matches.insert(id.as_u128(), buffer.as_slice())?;
                }
                Row::Match(id, None) => drop(matches.remove(id.as_u128())?),
                Row::Session(id, Some(session)) => {
                    encode(&mut buffer, &**session)?;
                    sessions.insert(id.as_u128(), buffer.as_slice())?;
                }
                Row::Session(id, None) => drop(sessions.remove(id.as_u128())?),
                Row::Event(number, event) => {
                    encode(&mut buffer, &**event)?;
                    events.insert(number, buffer.as_slice())?;
                }
                Row::EventGone(number, _) => drop(events.remove(number)?),
                Row::Meta(values) => {
                    encode(&mut buffer, values)?;
                    meta.insert(META_VALUES, buffer.as_slice())?;
                }
            }
        }
    }
    transaction.commit()?;
    Ok(())
}
