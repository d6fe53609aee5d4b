//! Who visits what: without it, each regular visitor would be a new one after every restart.

use rusqlite::params;
use tripline_core::settings::Visit;
use tripline_packet::Timestamp;

use crate::{Error, Store, addr, name, service};

/// Visitors that are kept; those who have not come for the longest time go first.
const MOST: u32 = 16_384;

impl Store {
    /// Keeps visits.
    ///
    /// # Errors
    /// The disk is full, or the file is gone.
    pub fn put_visits(&mut self, visits: &[Visit]) -> Result<(), Error> {
        let path = self.path.clone();
        let failed = |error| Error::Database { path: path.clone(), error };
        let transaction = self.connection.transaction().map_err(failed)?;
        for Visit { source, service, first, last } in visits {
            transaction
                .prepare_cached("insert or replace into visit values (?1, ?2, ?3, ?4, ?5, ?6)")
                .and_then(|mut insert| {
                    insert.execute(params![
                        source.to_string(),
                        service.host.to_string(),
                        name(&service.protocol),
                        service.port,
                        first.nanos(),
                        last.nanos(),
                    ])
                })
                .map_err(failed)?;
        }
        transaction
            .execute(
                "delete from visit where (source, host, protocol, port) in
                 (select source, host, protocol, port from visit
                  order by last desc limit -1 offset ?1)",
                params![MOST],
            )
            .map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// The visits that were kept, the earliest `last` first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn visits(&self) -> Result<Vec<Visit>, Error> {
        let rows = self.rows(
            "select source, host, protocol, port, first, last from visit order by last",
            [],
            |row| {
                let names: (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok((names, row.get(3)?, row.get(4)?, row.get(5)?))
            },
        )?;
        let visit = |((source, host, protocol), port, first, last): (_, _, _, _)| {
            let (source, host): (String, String) = (source, host);
            Some(Visit {
                source: addr(&source)?,
                service: service(&host, protocol, port)?,
                first: Timestamp::from_nanos(first),
                last: Timestamp::from_nanos(last),
            })
        };
        Ok(rows.into_iter().filter_map(visit).collect())
    }
}

#[cfg(test)]
mod tests {
    use tripline_core::{Protocol, Service};
    use tripline_packet::{Addr, Duration};

    use super::*;

    #[test]
    fn visits_are_kept_as_many_as_there_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let at = Timestamp::from_parts(1_800_000_000, 1);
        let visit = |number: u32| {
            let host = Addr::from_v4_bits(0xc000_020a);
            let last = at + Duration::from_secs(u64::from(number));
            Visit {
                source: Addr::from_v4_bits(0xc633_6400 + number),
                service: Service { host, protocol: Protocol::Tcp, port: 80 },
                first: at,
                last,
            }
        };
        let all: Vec<_> = (0..MOST).map(visit).collect();
        store.put_visits(&all).unwrap();
        store.put_visits(&all[..2]).unwrap();
        assert_eq!(store.visits().unwrap(), all);
        store.put_visits(&[visit(MOST)]).unwrap();
        let kept = store.visits().unwrap();
        assert_eq!(kept[..], [&all[1..], &[visit(MOST)]].concat());
    }
}
