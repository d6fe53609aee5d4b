//! Rings of a real kernel.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

use std::collections::BTreeSet;

use libtest_mimic::{Arguments, Failed, Trial};
use tripline_capture::live::{Filter, Interface, Live, Next, Options, Ring};
use tripline_lab::{Machine, Network};
use tripline_packet::Duration;

fn main() -> anyhow::Result<()> {
    tripline_lab::enter()?;
    let trials = vec![
        Trial::test("rings_of_a_group_share_the_frames", rings_of_a_group_share_the_frames),
        Trial::test("a_ring_that_is_full_says_so", a_ring_that_is_full_says_so),
        Trial::test("tags_of_networks_are_put_back", tags_of_networks_are_put_back),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}

fn network() -> Network {
    Network::new(&[("sensor", &["192.0.2.10/24"]), ("caller", &["192.0.2.20/24"])]).unwrap()
}

/// A ring on the machine that the calling thread is on.
fn ring(options: &Options) -> Ring {
    let all = Interface::all().unwrap();
    let interface = all.iter().find(|interface| &*interface.name == "eth0").unwrap();
    Ring::open(interface, options, &Filter::Everything).unwrap()
}

/// Sends frames of an ethertype for experiments (IEEE 802), numbered at their end, behind an 802.1Q
/// tag if one is given.
fn send(caller: &Machine, count: u32, tag: &str) {
    let program = format!(
        "import socket\n\
         wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n\
         wire.bind((\"eth0\", 0))\n\
         head = bytes.fromhex(\"ffffffffffff\" \"020000000099\" \"{tag}\" \"0800\" \"4500002200000000401100\"\n\
                              \"00\" \"c0000214\" \"c000020a\")\n\
         for number in range({count}):\n\
         \x20   port = (1024 + number).to_bytes(2, \"big\")\n\
         \x20   wire.send(head + port + bytes.fromhex(\"0009\" \"000e\" \"0000\") + number.to_bytes(6, \"big\"))\n"
    );
    caller.run(&format!("python3 - <<'END'\n{program}\nEND")).unwrap();
}

/// The numbers of the frames that a ring has, and how long they are.
fn numbers(live: &mut Live) -> Vec<(u32, usize)> {
    let mut found = Vec::new();
    while let Next::Frame(frame, _) = live.next(Duration::from_millis(300)).unwrap() {
        if frame.data.get(6..12) == Some(&[2, 0, 0, 0, 0, 0x99]) {
            let number = frame.data.last_chunk::<4>().unwrap();
            found.push((u32::from_be_bytes(*number), frame.data.len()));
        }
    }
    found
}

fn rings_of_a_group_share_the_frames() -> Result<(), Failed> {
    const COUNT: u32 = 400;
    let network = network();
    let options = Options { fanout: Some(7), promiscuous: true, ..Options::default() };
    network.machine("sensor").within(|| {
        let mut rings = [Live::default(), Live::default()];
        for live in &mut rings {
            live.add(ring(&options));
        }
        send(network.machine("caller"), COUNT, "");
        let shares = rings.map(|mut live| numbers(&mut live));
        assert!(shares.iter().all(|share| !share.is_empty()), "one has got all");
        let all: Vec<u32> = shares.iter().flatten().map(|(number, _)| *number).collect();
        assert_eq!(all.len(), COUNT as usize);
        assert_eq!(BTreeSet::from_iter(all), (0..COUNT).collect());
    })?;
    Ok(())
}

fn a_ring_that_is_full_says_so() -> Result<(), Failed> {
    let network = network();
    // Room for a thousand frames, and blocks enough for what machines say by themselves meanwhile.
    let options = Options { blocks: 32, block_size: 1 << 12, ..Options::default() };
    network.machine("sensor").within(|| {
        let mut live = Live::default();
        live.add(ring(&options));
        send(network.machine("caller"), 5_000, "");
        let found = numbers(&mut live);
        let seen = live.rings()[0].statistics().unwrap();
        assert!(seen.drops > 0 && !found.is_empty(), "{seen:?}");
        // What is not lost comes in order, and each once.
        assert!(found.is_sorted_by(|(one, _), (other, _)| one < other));
        assert!(seen.frames >= seen.drops + found.len() as u64, "{seen:?}, {}", found.len());
        // With room, it goes on.
        send(network.machine("caller"), 3, "");
        assert_eq!(numbers(&mut live).len(), 3);
    })?;
    Ok(())
}

/// The kernel takes the tag off and tells it beside the frame.
fn tags_of_networks_are_put_back() -> Result<(), Failed> {
    let network = network();
    network.machine("sensor").within(|| {
        let mut live = Live::default();
        live.add(ring(&Options { promiscuous: true, ..Options::default() }));
        send(network.machine("caller"), 1, "");
        send(network.machine("caller"), 1, "8100002a");
        let lengths: Vec<usize> =
            numbers(&mut live).into_iter().map(|(_, length)| length).collect();
        assert_eq!(lengths, [48, 52]);
    })?;
    Ok(())
}
