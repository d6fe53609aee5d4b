//! Turns the data files of `catalog/` into JSON, which is read several times faster at start.
//!
//! TOML is for people who write the pages; a run of a few milliseconds should not spend most of
//! them on parsing half a megabyte of it. See `src/data.rs` for the numbers.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The files that hold no catalogue entries; each is kept by itself. All others are pages.
const TABLES: [&str; 2] = ["likelihood", "tools"];

fn main() -> Result<(), Box<dyn Error>> {
    let from = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../catalog");
    let to = PathBuf::from(env::var("OUT_DIR")?);
    // A folder is watched with everything in it, new files included.
    println!("cargo::rerun-if-changed={}", from.display());
    println!("cargo::rerun-if-changed=build.rs");

    let mut files = fs::read_dir(&from)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();

    let mut events = Vec::new();
    for path in &files {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let mut content = read(path)?;
        if TABLES.contains(&stem) {
            fs::write(to.join(stem).with_extension("json"), serde_json::to_vec(&content)?)?;
            continue;
        }
        match content.remove("event") {
            Some(toml::Value::Array(entries)) if content.is_empty() => events.extend(entries),
            _ => return Err(format!("{}: not [[event]] alone", path.display()).into()),
        }
    }
    let catalog = toml::Table::from_iter([("event".to_owned(), toml::Value::Array(events))]);
    fs::write(to.join("catalog.json"), serde_json::to_vec(&catalog)?)?;
    Ok(())
}

fn read(path: &Path) -> Result<toml::Table, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()).into())
}
