//! The JSON Schema of the events, made from the types of the core.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use tripline_core::event::{Event, SCHEMA_VERSION};

/// Where the schema is kept; `tripline schema` prints this file.
const PATH: &str = "docs/event.schema.json";

/// Options of `cargo xtask schema`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only compare: fail if the file is not what the types say.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join(PATH);
    let wanted = render()?;
    if !args.check {
        return fs::write(&path, wanted).with_context(|| format!("cannot write {PATH}"));
    }
    let found = fs::read_to_string(&path).with_context(|| format!("cannot read {PATH}"))?;
    if found != wanted {
        bail!("{PATH} is not what the types say; run `cargo xtask schema`");
    }
    Ok(())
}

fn render() -> Result<String> {
    let mut schema = schemars::schema_for!(Event);
    schema.insert("title".to_owned(), "tripline event".into());
    let description = format!(
        "One line of `tripline read --json`, version {SCHEMA_VERSION} of the contract. Fields are \
         only ever added within a version."
    );
    schema.insert("description".to_owned(), description.into());
    let mut text = serde_json::to_string_pretty(&schema)?;
    text.push('\n');
    Ok(text)
}
