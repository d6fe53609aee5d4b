//! What recording costs on the way of a packet: the same frames with and without a recorder, in turn.
//!
//! `cargo bench -p tripline --bench record`; the figures are in `docs/watch.md`.

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, Write as _};
    use std::path::Path;
    use std::time::Instant;

    use tripline::data;
    use tripline::watch::record::{Options, RecordedInterface, Recorder};
    use tripline_core::settings::Settings;
    use tripline_core::{Config, Emit, Engine};
    use tripline_packet::{Decoder, Duration, Frame, LinkType, Packet, Timestamp};

    const FRAMES: u32 = 1_000_000;
    /// Few enough to wait in memory: the disk is not what is measured.
    const RECORDED: u32 = 200_000;
    const ROUNDS: usize = 9;
    const LENGTH: usize = 74;

    /// What passes the filter of sessions: of each the handshake and its end, six frames.
    fn session(frames: &mut Vec<u8>, number: u32) {
        let client =
            (0xcb00_0000 | number.wrapping_mul(2_654_435_761) >> 16, 1_024 + number as u16);
        let server = (0xc000_020a + number % 8, 443);
        let (one, other) = (number.wrapping_mul(7_919), number.wrapping_mul(104_729));
        frame(frames, client, server, 0x02, one, 0);
        frame(frames, server, client, 0x12, other, one + 1);
        frame(frames, client, server, 0x10, one + 1, other + 1);
        frame(frames, client, server, 0x11, one + 900, other + 4_000);
        frame(frames, server, client, 0x11, other + 4_000, one + 901);
        frame(frames, client, server, 0x10, one + 901, other + 4_001);
    }

    /// A sweep of a thousand refused ports, over and over, two frames each.
    fn sweep(frames: &mut Vec<u8>, number: u32) {
        let port = 1 + (number % 1_000) as u16;
        let (client, server) =
            ((0xc633_6407, 40_000 + (number / 1_000) as u16), (0xc000_020a, port));
        frame(frames, client, server, 0x02, number, 0);
        frame(frames, server, client, 0x14, 0, number + 1);
    }

    fn frame(
        frames: &mut Vec<u8>,
        src: (u32, u16),
        dst: (u32, u16),
        flags: u8,
        seq: u32,
        ack: u32,
    ) {
        let end = frames.len() + LENGTH;
        frames.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        frames.extend([0x45, 0, 0, 60, 0, 7, 0x40, 0, 64, 6, 0, 0]);
        frames.extend(src.0.to_be_bytes());
        frames.extend(dst.0.to_be_bytes());
        frames.extend(src.1.to_be_bytes());
        frames.extend(dst.1.to_be_bytes());
        frames.extend(seq.to_be_bytes());
        frames.extend(ack.to_be_bytes());
        frames.extend([0xa0, flags, 0x20, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4]);
        frames.resize(end, 0);
    }

    fn engine(settings: &Settings) -> Engine {
        Engine::new(Config {
            settings: settings.clone(),
            catalog: data::catalog().expect("built in"),
            likelihoods: data::likelihoods().expect("built in"),
            tools: data::tools().expect("built in"),
            key: [1, 2],
            emit: Emit::Updates,
        })
    }

    /// Nanoseconds a frame.
    fn run(frames: &[u8], gap: Duration, folder: Option<&Path>) -> f64 {
        let home = vec!["192.0.2.0/24".parse().expect("a network")];
        let settings = Settings { home, ..Settings::default() };
        let mut engine = engine(&settings);
        let mut recorder = folder.map(|folder| {
            let interface = RecordedInterface { name: "bench0".into(), link: LinkType::Ethernet };
            let options = Options::new(folder.to_owned(), 1_000_000_000);
            Recorder::start(&options, &settings.home, vec![interface]).expect("a folder")
        });
        let (mut decoder, mut packet) = (Decoder::new(), Packet::EMPTY);
        let mut time = Timestamp::from_parts(1_795_399_000, 0);
        let mut next_look = time;
        let start = Instant::now();
        for data in frames.chunks_exact(LENGTH) {
            time = time + gap;
            let frame = Frame { time, link: LinkType::Ethernet, wire_len: LENGTH as u32, data };
            let read = decoder.decode_into(&frame, &mut packet);
            if let (Some(recorder), Ok(is_packet)) = (&mut recorder, read) {
                recorder.frame(&frame, &packet, is_packet, 0);
            }
            if read == Ok(true) {
                engine.handle(&packet);
            }
            while let Some(event) = engine.poll() {
                if let Some(recorder) = &mut recorder {
                    recorder.event(&event);
                }
            }
            if time >= next_look {
                next_look = time + Duration::from_secs(1);
                if let Some(recorder) = &mut recorder {
                    recorder.look(&engine, time);
                }
            }
        }
        let took = start.elapsed();
        // A measurement of frames that were not written would be of another thing.
        let told = recorder.map(|mut recorder| {
            recorder.look(&engine, time);
            recorder.take_events()
        });
        assert_eq!(told.unwrap_or_default(), [], "frames were lost");
        took.as_secs_f64() * 1e9 / (frames.len() / LENGTH) as f64
    }

    fn median(mut all: Vec<f64>) -> f64 {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    }

    pub(crate) fn main() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut out = io::stdout().lock();
        let (mut sessions, mut swept) = (Vec::new(), Vec::new());
        (0..FRAMES / 6).for_each(|number| session(&mut sessions, number));
        (0..RECORDED / 2).for_each(|number| sweep(&mut swept, number));
        for (name, frames) in
            [("sessions, none recorded", sessions), ("a sweep, all of it recorded", swept)]
        {
            let gap = Duration::from_micros(10);
            let (mut without, mut with) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                without.push(run(&frames, gap, None));
                with.push(run(&frames, gap, Some(folder.path())));
            }
            let (without, with) = (median(without), median(with));
            writeln!(
                out,
                "{name}: {without:.0} ns a frame without a recorder, {with:.0} ns with one \
                 ({:+.0} ns)",
                with - without
            )
            .expect("standard output");
        }
    }
}
