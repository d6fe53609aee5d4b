//! Zstandard as a stream: several frames, skippable frames, and what can be had of a cut one.

use std::error::Error as StdError;
use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{
    DecodeBlockContentError, DecompressBlockError, FrameDecoderError, ReadFrameHeaderError,
};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest window that is unpacked; the `zstd` program needs `--long` or `--memory` for more.
const MAX_WINDOW: u64 = 128 << 20;

/// What a damaged block can have left at most: the 128 KiB of a block (RFC 8878, 3.1.1.2.4) and the
/// one sequence that went beyond it, of as much literal and as much repeated text.
const MOST_LEFT: usize = 3 * (128 << 10);

/// Unpacks a stream of Zstandard frames block by block.
pub(crate) struct ZstdReader<R> {
    source: R,
    decoder: FrameDecoder,
    state: State,
    /// Bytes at the end of what was unpacked that are not handed out.
    withheld: usize,
}

enum State {
    BetweenFrames,
    InFrame,
    /// Nothing more can be unpacked; the error follows what is left to hand out.
    Failed(Option<io::Error>),
    Ended,
}

impl<R: BufRead> ZstdReader<R> {
    pub(crate) fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self { source, decoder, state: State::BetweenFrames, withheld: 0 }
    }

    /// Unpacks a bit more: starts a frame, unpacks a block of it, or ends it.
    fn step(&mut self) -> io::Result<State> {
        match self.state {
            State::BetweenFrames => self.start_frame(),
            State::InFrame if !self.decoder.is_finished() => self.unpack_block(),
            State::InFrame => self.end_frame(),
            State::Failed(_) | State::Ended => Ok(State::Ended),
        }
    }

    fn start_frame(&mut self) -> io::Result<State> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(State::Ended);
        }
        match self.decoder.reset(&mut self.source) {
            Ok(()) => Ok(State::InFrame),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => self.skip(u64::from(length)),
            Err(error) => Err(as_io(&error)),
        }
    }

    fn skip(&mut self, length: u64) -> io::Result<State> {
        let skipped = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
        if skipped < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(State::BetweenFrames)
    }

    fn unpack_block(&mut self) -> io::Result<State> {
        let one = BlockDecodingStrategy::UptoBlocks(1);
        let done = self.decoder.decode_blocks(&mut self.source, one);
        done.map(|_| State::InFrame).map_err(|error| {
            self.withheld = left_by(&error);
            as_io(&error)
        })
    }

    /// Once all of a frame has been handed out, the checksum over it is known.
    fn end_frame(&mut self) -> io::Result<State> {
        let said = self.decoder.get_checksum_from_data();
        if said.is_none() || said == self.decoder.get_calculated_checksum() {
            return Ok(State::BetweenFrames);
        }
        let message = "the content does not have the checksum of its frame";
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }

    /// Ends the stream with an error, after what could be unpacked before it.
    ///
    /// The decoder keeps a whole window back until a frame is finished, megabytes that are good.
    /// An empty last block (RFC 8878, 3.1.1.2) with any checksum makes it give them up.
    fn fail(&mut self, error: io::Error) {
        const EMPTY_LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
        if matches!(self.state, State::InFrame) && !self.decoder.is_finished() {
            let one = BlockDecodingStrategy::UptoBlocks(1);
            // Should that fail as well, only the window is lost.
            drop(self.decoder.decode_blocks(EMPTY_LAST_BLOCK, one));
        }
        self.state = State::Failed(Some(error));
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let ready = self.decoder.can_collect().saturating_sub(self.withheld);
            if ready > 0 || into.is_empty() {
                let most = ready.min(into.len());
                return self.decoder.read(&mut into[..most]);
            }
            match &mut self.state {
                State::Failed(error) => return error.take().map_or(Ok(0), Err),
                State::Ended => return Ok(0),
                State::BetweenFrames | State::InFrame => {}
            }
            match self.step() {
                Ok(next) => self.state = next,
                Err(error) => self.fail(error),
            }
        }
    }
}

/// How much of a broken block may be among what was unpacked. Only a block that breaks while its
/// sequences are carried out leaves something wrong; any other has not been touched, or, when it is
/// a stored one that is cut, has left what is right.
fn left_by(error: &FrameDecoderError) -> usize {
    use DecodeBlockContentError::DecompressBlockError as Block;
    match error {
        FrameDecoderError::FailedToReadBlockBody(Block(
            DecompressBlockError::ExecuteSequencesError(_),
        )) => MOST_LEFT,
        _ => 0,
    }
}

/// A cut stream is an unexpected end, an error of the system stays one, a window beyond our measure
/// is not supported, the rest is damage.
fn as_io(error: &FrameDecoderError) -> io::Error {
    if let FrameDecoderError::WindowSizeTooBig { requested, max } = error {
        let (requested, max) = (requested >> 20, max >> 20);
        let message = format!("a window of {requested} MiB, the most is {max}");
        return io::Error::new(io::ErrorKind::Unsupported, message);
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(this) = cause {
        if let Some(io) = this.downcast_ref::<io::Error>() {
            return io::Error::new(io.kind(), io.to_string());
        }
        cause = this.source();
    }
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn sample(len: usize) -> Vec<u8> {
        // Text-like, so that blocks are compressed ones.
        (0..len).map(|i| b'a' + (i * i / 7 % 23) as u8).collect()
    }

    fn pack(data: &[u8]) -> Vec<u8> {
        compress_to_vec(data, CompressionLevel::Fastest)
    }

    fn unpack(packed: &[u8]) -> (Vec<u8>, io::Result<()>) {
        let mut out = Vec::new();
        let mut reader = ZstdReader::new(packed);
        let result = reader.read_to_end(&mut out).map(drop);
        (out, result)
    }

    #[test]
    fn frames_follow_one_another_with_skippable_ones_between() {
        let (one, two) = (sample(300_000), sample(10));
        let mut packed = vec![0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9];
        packed.extend(pack(&one));
        packed.extend([0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
        packed.extend(pack(&two));
        let (out, result) = unpack(&packed);
        result.unwrap();
        assert_eq!(out, [one, two].concat());
    }

    #[test]
    fn a_cut_frame_yields_its_whole_blocks() {
        let data = sample(600_000);
        let packed = pack(&data);
        let (out, result) = unpack(&packed[..packed.len() - 9]);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(data.starts_with(&out));
        assert!(out.len() >= 512 << 10, "only {} bytes", out.len());
    }

    #[test]
    fn a_cut_header_and_a_cut_skippable_frame_are_cuts() {
        for cut in [&[0x28, 0xb5, 0x2f, 0xfd][..], &[0x50, 0x2a, 0x4d, 0x18, 9]] {
            let (out, result) = unpack(cut);
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert!(out.is_empty());
        }
    }

    #[test]
    fn damage_is_no_cut_and_spoils_nothing_before() {
        let data = sample(900_000);
        let mut packed = pack(&data);
        let late = packed.len() * 9 / 10;
        packed[late..late + 64].fill(0xff);
        let (out, result) = unpack(&packed);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(out.len() >= 512 << 10, "only {} bytes", out.len());
    }

    #[test]
    fn a_wrong_checksum_is_told() {
        let data = sample(1_000);
        let mut packed = pack(&data);
        *packed.last_mut().unwrap() ^= 1;
        let (out, result) = unpack(&packed);
        assert_eq!(out, data);
        assert!(result.unwrap_err().to_string().contains("checksum"));
    }

    #[test]
    fn an_enormous_window_is_refused() {
        // Frame header with a window descriptor of exponent 31: 2 TiB.
        let (_, result) = unpack(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 31 << 3, 1, 0, 0]);
        let error = result.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert_eq!(error.to_string(), "a window of 2097152 MiB, the most is 128");
    }
}
