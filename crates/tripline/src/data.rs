//! The data that is built in: the catalogue, the likelihood table and the tool fingerprints.
//!
//! They are written as TOML in `catalog/` and turned into JSON while building (`build.rs`). With
//! 200 pages (450 kB) a start took 4 to 7 ms for parsing TOML and takes 0.5 ms for JSON.

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use tripline_core::catalog::{Catalog, CatalogFile};
use tripline_core::evidence::Likelihoods;
use tripline_core::tools::Tools;

const CATALOG: &str = include_str!(concat!(env!("OUT_DIR"), "/catalog.json"));
const LIKELIHOODS: &str = include_str!(concat!(env!("OUT_DIR"), "/likelihood.json"));
const TOOLS: &str = include_str!(concat!(env!("OUT_DIR"), "/tools.json"));

/// All entries of the catalogue.
///
/// # Errors
/// Only if the catalogue that was built in is damaged, which a test rules out.
pub fn catalog() -> Result<Catalog> {
    let file: CatalogFile = parse("catalogue", CATALOG)?;
    Catalog::new(file.events).context("the built-in catalogue contradicts itself")
}

/// The likelihood table.
///
/// # Errors
/// Only if the table that was built in is damaged, which a test rules out.
pub fn likelihoods() -> Result<Likelihoods> {
    parse("likelihood table", LIKELIHOODS)
}

/// The tool fingerprints.
///
/// # Errors
/// Only if the table that was built in is damaged, which a test rules out.
pub fn tools() -> Result<Tools> {
    parse("tool table", TOOLS)
}

fn parse<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).with_context(|| format!("the built-in {what} is damaged"))
}

/// An entry of the catalogue as it was written, in JSON.
///
/// # Errors
/// Only if the catalogue that was built in is damaged, which a test rules out, or has no such id.
pub fn raw_entry(id: &str) -> Result<serde_json::Value> {
    let mut file: serde_json::Value = parse("catalogue", CATALOG)?;
    let entries = file["event"].as_array_mut().context("no events in the catalogue")?;
    let entry = entries.iter_mut().find(|entry| entry["id"] == id);
    entry.map(serde_json::Value::take).with_context(|| format!("no event has the id {id}"))
}
