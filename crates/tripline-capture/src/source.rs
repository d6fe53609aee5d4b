//! Where the bytes come from: a file or a stream, unpacked on the way.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::zstd::ZstdReader;

/// How a file is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952), any number of members.
    Gzip,
    /// Zstandard (RFC 8878), any number of frames.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// The unpacked bytes of an input, and how many packed ones were taken for them.
pub(crate) struct Source {
    pub(crate) reader: Box<dyn Read + Send>,
    pub(crate) compression: Compression,
    pub(crate) taken: Taken,
}

impl Source {
    /// Looks at the first bytes and unpacks what is packed.
    pub(crate) fn new(reader: impl Read + Send + 'static) -> io::Result<Self> {
        let taken = Taken::default();
        let mut reader = Counted { inner: reader, taken: taken.clone() };
        let first = read_first(&mut reader)?;
        let compression = recognise(&first);
        let whole = Cursor::new(first).chain(reader);
        let packed = |whole| BufReader::with_capacity(PACKED_BUFFER, whole);
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(whole),
            Compression::Gzip => Box::new(ShortReads(MultiGzDecoder::new(packed(whole)))),
            Compression::Zstd => Box::new(ZstdReader::new(packed(whole))),
        };
        Ok(Self { reader, compression, taken })
    }
}

/// Opens a file; `-` is standard input. The length is that of a regular file.
pub(crate) fn open(path: &Path) -> io::Result<(File, Option<u64>)> {
    let file = if path == Path::new("-") {
        // The descriptor itself: our buffer replaces the one that `Stdin` keeps.
        File::from(io::stdin().as_fd().try_clone_to_owned()?)
    } else {
        File::open(path)?
    };
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let length = metadata.is_file().then_some(metadata.len());
    Ok((file, length))
}

/// Bytes of the input as it lies on disk that have been read so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(Arc<AtomicU64>);

impl Taken {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

const PACKED_BUFFER: usize = 128 << 10;
const LONGEST_MAGIC: usize = 4;

fn read_first(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(LONGEST_MAGIC);
    reader.take(LONGEST_MAGIC as u64).read_to_end(&mut first).map(|_| first)
}

/// A zstd file may start with a skippable frame (RFC 8878, 3.1.2), as those of `pzstd` do.
fn recognise(first: &[u8]) -> Compression {
    match first {
        [0x1f, 0x8b, 0x08, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Compression::Zstd,
        _ => Compression::None,
    }
}

struct Counted<R> {
    inner: R,
    taken: Taken,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.taken.0.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Asks for little at a time. When `flate2` meets damage it drops what the same call had already
/// unpacked, so a call must not be for the whole buffer.
struct ShortReads<R>(R);

impl<R: Read> Read for ShortReads<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        const MOST: usize = 32 << 10;
        let most = into.len().min(MOST);
        self.0.read(&mut into[..most])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_is_told_by_content() {
        assert_eq!(recognise(&[0x1f, 0x8b, 8, 0]), Compression::Gzip);
        assert_eq!(recognise(&[0x28, 0xb5, 0x2f, 0xfd]), Compression::Zstd);
        assert_eq!(recognise(&[0x50, 0x2a, 0x4d, 0x18]), Compression::Zstd);
        assert_eq!(recognise(&[0xd4, 0xc3, 0xb2, 0xa1]), Compression::None);
        assert_eq!(recognise(&[0x1f]), Compression::None);
    }

    #[test]
    fn taken_counts_the_packed_bytes() {
        let source = Source::new(&b"\xd4\xc3\xb2\xa1 and more"[..]).unwrap();
        let (mut reader, taken) = (source.reader, source.taken);
        assert_eq!(taken.bytes(), 4);
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"\xd4\xc3\xb2\xa1 and more");
        assert_eq!(taken.bytes(), 13);
    }
}
