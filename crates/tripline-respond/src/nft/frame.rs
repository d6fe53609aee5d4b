//! What stands around the elements: tables, chains and rules. Without them the sets hold whom they
//! should, and nobody is dropped.

use std::io;

use tripline_netlink::{Batch, attributes, flags};

use super::elements::{HEAD, Sets, of_nftables};
use super::text::{NETS_TABLE, TABLE};

// Messages and attributes of nf_tables.
const GET_TABLES: u16 = of_nftables(1);
const GET_CHAINS: u16 = of_nftables(4);
const GET_RULES: u16 = of_nftables(7);
/// The table that a chain or rule is in, and the name of a table.
const OF_TABLE: u16 = 1;
/// Flags of a table; a dormant one does nothing.
const TABLE_FLAGS: u16 = 2;

/// Our tables, chains and rules as the kernel tells them. What is installed anew differs, if only by
/// its handles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Vec<Vec<u8>>);

impl Sets {
    /// What stands around the elements.
    ///
    /// # Errors
    /// The kernel's.
    pub fn frame(&mut self) -> io::Result<Frame> {
        let mut parts = Vec::new();
        for message in [GET_TABLES, GET_CHAINS, GET_RULES] {
            let mut request = Batch::new();
            request.message(message, flags::DUMP | flags::ACK, &HEAD, |_| {});
            self.0.dump(&request, |answer| {
                let body = answer.payload.get(HEAD.len()..).unwrap_or(&[]);
                if !is_ours(body) {
                    return;
                }
                parts.push(match message {
                    // How much is in a table changes with its elements.
                    GET_TABLES => table_flags(body),
                    _ => body.to_vec(),
                });
            })?;
        }
        Ok(Frame(parts))
    }
}

fn is_ours(body: &[u8]) -> bool {
    let name = attributes(body).find(|part| part.kind == OF_TABLE).map(|part| part.value);
    let name = name.and_then(|name| name.split(|byte| *byte == 0).next());
    name == Some(TABLE.as_bytes()) || name == Some(NETS_TABLE.as_bytes())
}

fn table_flags(body: &[u8]) -> Vec<u8> {
    let flags = attributes(body).find(|part| part.kind == TABLE_FLAGS);
    flags.map(|flags| flags.value.to_vec()).unwrap_or_default()
}
