//! The tables, and how older ones become today's.

use rusqlite::{Connection, Result};

/// One step for each version of the schema, from the empty file on. A step that was published is
/// never changed.
const STEPS: [&str; 2] = [
    "
create table incident (
    id text primary key,
    first integer not null,
    last integer not null,
    verdict text not null,
    risk text not null,
    source text,
    json text not null
) strict, without rowid;
create index incident_by_last on incident (last);

create table curtailment (
    target text primary key,
    until integer not null,
    json text not null
) strict, without rowid;

create table log (
    time integer not null,
    kind text not null,
    json text not null
) strict;
create index log_by_kind on log (kind, time);

create table service (
    host text not null,
    protocol text not null,
    port integer not null,
    first integer not null,
    last integer not null,
    clients integer not null,
    primary key (host, protocol, port)
) strict, without rowid;
",
    "
create table visit (
    source text not null,
    host text not null,
    protocol text not null,
    port integer not null,
    first integer not null,
    last integer not null,
    primary key (source, host, protocol, port)
) strict, without rowid;
create index visit_by_last on visit (last);
",
];

/// The version that this program writes.
pub(crate) const VERSION: u32 = STEPS.len() as u32;

/// Brings the file up to date, and tells the version that it has then. One of a newer version is
/// left as it is.
pub(crate) fn migrate(connection: &mut Connection) -> Result<u32> {
    let found: u32 = connection.query_row("pragma user_version", [], |row| row.get(0))?;
    for (at, step) in STEPS.iter().enumerate().skip(found as usize) {
        // All of a step, or nothing of it.
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", at as u32 + 1)?;
        transaction.commit()?;
    }
    Ok(found.max(VERSION))
}
