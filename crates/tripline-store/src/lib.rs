//! The memory of a sensor: one SQLite file.
//!
//! Times are nanoseconds since 1970 in UTC. What is whole is kept as the JSON of the event contract
//! beside the columns that are searched by, so that nothing that was told is lost by a column that
//! nobody thought of.

mod schema;
mod visits;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};
use tripline_core::event::{Curtailment as Told, Incident, Notice, ServiceEvent};
use tripline_core::{Protocol, Service};
use tripline_packet::{Addr, Timestamp};
use tripline_respond::Curtailment;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite says so.
    #[error("{path}: {error}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
    /// It was written by a later version of this program.
    #[error(
        "{path}: written by a newer tripline (schema {found}, this one knows {known}); install that \
         version, or name another folder (`state` under `[watch]`)"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The latest that we know.
        known: u32,
    },
    /// The folder cannot be made.
    #[error("cannot make the folder {path}: {error}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// A service that was seen before the sensor was started anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which.
    pub service: Service,
    /// When it was first seen to answer.
    pub first: Timestamp,
    /// When it was last seen to answer.
    pub last: Timestamp,
    /// How many clients it had.
    pub clients: u64,
}

/// An incident as it was told last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIncident {
    /// Its id.
    pub id: String,
    /// Its last state, as JSON of the event contract.
    pub json: String,
}

/// See the module documentation.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

/// Name of the file in the sensor's folder.
pub const FILE: &str = "tripline.db";

impl Store {
    /// Opens the store in a folder, and makes what is not there.
    ///
    /// # Errors
    /// The folder cannot be written, the file is damaged, or of a newer version.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let make = std::fs::create_dir_all(folder);
        make.map_err(|error| Error::Folder { path: folder.to_owned(), error })?;
        let path = folder.join(FILE);
        let failed = |error| Error::Database { path: path.clone(), error };
        let mut connection = Connection::open(&path).map_err(failed)?;
        connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(failed)?;
        // Whoever looks does not stop whoever writes; what is committed outlives the process.
        connection.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "normal").map_err(failed)?;
        let found = schema::migrate(&mut connection).map_err(failed)?;
        if found > schema::VERSION {
            return Err(Error::Newer { path, found, known: schema::VERSION });
        }
        Ok(Self { connection, path })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the last state of an incident.
    ///
    /// # Errors
    /// The disk is full, or the file is gone.
    pub fn put_incident(&self, incident: &Incident) -> Result<(), Error> {
        let source = incident.sources.first().map(ToString::to_string);
        self.execute(
            "insert or replace into incident (id, first, last, verdict, risk, source, json)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                incident.id,
                incident.first.nanos(),
                incident.last.nanos(),
                name(&incident.verdict),
                name(&incident.risk),
                source,
                json(incident),
            ],
        )
    }

    /// The incidents whose last attempt was at or after `since`, the latest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn incidents(&self, since: Timestamp) -> Result<Vec<StoredIncident>, Error> {
        self.rows(
            "select id, json from incident where last >= ?1 order by last desc, id",
            params![since.nanos()],
            |row| Ok(StoredIncident { id: row.get(0)?, json: row.get(1)? }),
        )
    }

    /// One incident.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn incident(&self, id: &str) -> Result<Option<StoredIncident>, Error> {
        let mut found =
            self.rows("select id, json from incident where id = ?1", params![id], |row| {
                Ok(StoredIncident { id: row.get(0)?, json: row.get(1)? })
            })?;
        Ok(found.pop())
    }

    /// Notes a curtailment that is about to be put in force.
    ///
    /// # Errors
    /// The disk is full, or the file is gone.
    pub fn put_curtailment(&self, curtailment: &Curtailment) -> Result<(), Error> {
        self.execute(
            "insert or replace into curtailment (target, until, json) values (?1, ?2, ?3)",
            params![json(&curtailment.target), curtailment.until.nanos(), json(curtailment)],
        )
    }

    /// Notes that a curtailment is over.
    ///
    /// # Errors
    /// The disk is full, or the file is gone.
    pub fn end_curtailment(&self, curtailment: &Curtailment) -> Result<(), Error> {
        let target = json(&curtailment.target);
        self.execute("delete from curtailment where target = ?1", params![target])
    }

    /// Those that are in force, or were when the sensor ended.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn curtailments(&self) -> Result<Vec<Curtailment>, Error> {
        let rows = self.rows("select json from curtailment order by until", [], |row| {
            row.get::<_, String>(0)
        })?;
        Ok(rows.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// Keeps what was done about a source: the trail that an auditor follows.
    ///
    /// # Errors
    /// The disk is full, or the file is gone.
    pub fn log_curtailment(&self, told: &Told) -> Result<(), Error> {
        self.log(told.time, "curtailment", &json(told))
    }

    /// Keeps a note about the sensor.
    ///
    /// # Errors
    /// The disk is full, or the file is gone.
    pub fn log_notice(&self, notice: &Notice) -> Result<(), Error> {
        self.log(notice.time.unwrap_or_default(), "notice", &json(notice))
    }

    fn log(&self, time: Timestamp, kind: &str, json: &str) -> Result<(), Error> {
        self.execute(
            "insert into log (time, kind, json) values (?1, ?2, ?3)",
            params![time.nanos(), kind, json],
        )
    }

    /// What was logged of a kind since then, as JSON of the event contract, the earliest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn logged(&self, kind: &str, since: Timestamp) -> Result<Vec<String>, Error> {
        self.rows(
            "select json from log where kind = ?1 and time >= ?2 order by time, rowid",
            params![kind, since.nanos()],
            |row| row.get(0),
        )
    }

    /// Keeps the inventory.
    ///
    /// # Errors
    /// The disk is full, or the file is gone.
    pub fn put_services(&mut self, services: &[ServiceEvent]) -> Result<(), Error> {
        let path = self.path.clone();
        let failed = |error| Error::Database { path: path.clone(), error };
        let transaction = self.connection.transaction().map_err(failed)?;
        {
            let mut insert = transaction
                .prepare_cached(
                    "insert or replace into service (host, protocol, port, first, last, clients)
                     values (?1, ?2, ?3, ?4, ?5, ?6)",
                )
                .map_err(failed)?;
            for service in services {
                let (Some(first), Some(last)) = (service.first, service.last) else { continue };
                let clients = service.clients.cast_signed();
                insert
                    .execute(params![
                        service.host.to_string(),
                        name(&service.protocol),
                        service.port,
                        first.nanos(),
                        last.nanos(),
                        clients,
                    ])
                    .map_err(failed)?;
            }
        }
        transaction.commit().map_err(failed)
    }

    /// The inventory as it was kept last.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn services(&self) -> Result<Vec<Known>, Error> {
        let rows = self.rows(
            "select host, protocol, port, first, last, clients from service
             order by host, protocol, port",
            [],
            |row| {
                let (host, protocol): (String, String) = (row.get(0)?, row.get(1)?);
                let times: (i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
                Ok((host, protocol, row.get::<_, u16>(2)?, times))
            },
        )?;
        let known = |(host, protocol, port, (first, last, clients)): (String, String, u16, _)| {
            Some(Known {
                service: service(&host, protocol, port)?,
                first: Timestamp::from_nanos(first),
                last: Timestamp::from_nanos(last),
                clients: i64::unsigned_abs(clients),
            })
        };
        Ok(rows.into_iter().filter_map(known).collect())
    }

    /// Forgets what is older than `since`.
    ///
    /// # Errors
    /// The disk is full, or the file is gone.
    pub fn forget(&self, since: Timestamp) -> Result<(), Error> {
        self.execute("delete from incident where last < ?1", params![since.nanos()])?;
        self.execute("delete from log where time < ?1", params![since.nanos()])
    }

    /// Whether the file is in order; what SQLite says if it is not.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn check(&self) -> Result<Option<String>, Error> {
        let found = self
            .connection
            .query_row("pragma quick_check", [], |row| row.get::<_, String>(0))
            .optional()
            .map_err(|error| self.failed(error))?;
        Ok(found.filter(|text| text != "ok"))
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), Error> {
        let mut statement =
            self.connection.prepare_cached(sql).map_err(|error| self.failed(error))?;
        statement.execute(values).map(drop).map_err(|error| self.failed(error))
    }

    fn rows<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let mut statement =
            self.connection.prepare_cached(sql).map_err(|error| self.failed(error))?;
        let rows = statement.query_map(values, read).map_err(|error| self.failed(error))?;
        rows.collect::<Result<_, _>>().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        Error::Database { path: self.path.clone(), error }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    // The contract has no maps with keys that are no text, and nothing else can fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// A service by the names that it has in the contract.
fn service(host: &str, protocol: String, port: u16) -> Option<Service> {
    let protocol: Protocol = serde_json::from_value(protocol.into()).ok()?;
    Some(Service { host: addr(host)?, protocol, port })
}

fn addr(text: &str) -> Option<Addr> {
    text.parse::<std::net::IpAddr>().ok().map(Addr::from)
}

/// The name that a value has in the contract.
fn name(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
