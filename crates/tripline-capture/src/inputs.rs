//! What was named on the command line, as files: folders are opened up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;

/// Something that was named, and the files behind the name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) name: PathBuf,
    /// Whether it is a folder, where other files than captures are normal.
    pub(crate) is_folder: bool,
    pub(crate) files: Vec<PathBuf>,
}

/// Finds the files behind the names, those in and below a folder sorted by path. Folders that
/// cannot be read become errors.
pub(crate) fn expand(names: &[PathBuf]) -> (Vec<Input>, Vec<Error>) {
    let mut errors = Vec::new();
    let inputs = names
        .iter()
        .map(|name| {
            let is_folder = name.is_dir();
            let mut files = Vec::new();
            if is_folder {
                walk(name, &mut files, &mut errors);
                files.sort();
            } else {
                files.push(name.clone());
            }
            Input { name: name.clone(), is_folder, files }
        })
        .collect();
    (inputs, errors)
}

/// Links to files are followed, links to folders are not: they may lead in circles. Pipes and
/// devices are left alone, because opening one can wait for ever.
fn walk(folder: &Path, files: &mut Vec<PathBuf>, errors: &mut Vec<Error>) {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            errors.push(Error::io(folder, &error));
            return;
        }
    };
    for entry in entries {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&path, files, errors),
            Ok(kind) if kind.is_file() => files.push(path),
            Ok(kind) if kind.is_symlink() && path.is_file() => files.push(path),
            Ok(_) => {}
            Err(error) => errors.push(Error::io(&path, &error)),
        }
    }
}
