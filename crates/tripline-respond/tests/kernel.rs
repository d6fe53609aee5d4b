//! The sets in a real kernel.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

use std::collections::BTreeMap;

use libtest_mimic::{Arguments, Failed, Trial};
use tripline_core::Protocol;
use tripline_lab::Network;
use tripline_packet::Duration;
use tripline_respond::nft::{Challenge, Change, Ruleset, Sets};
use tripline_respond::xdp::Xdp;
use tripline_respond::{Scope, Target};

fn main() -> anyhow::Result<()> {
    tripline_lab::enter()?;
    let trials = vec![
        Trial::test("what_is_put_in_is_found_again", what_is_put_in_is_found_again),
        Trial::test("packets_are_dropped_and_counted", packets_are_dropped_and_counted),
        Trial::test("a_site_is_one_source", a_site_is_one_source),
        Trial::test("a_shield_drops_syns_and_nothing_else", a_shield_drops_syns_and_nothing_else),
        Trial::test("challenges_are_for_whom_nobody_listens", challenges),
        Trial::test("a_table_that_is_gone_is_noticed", a_table_that_is_gone_is_noticed),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}

fn network() -> Network {
    Network::new(&[
        ("server", &["192.0.2.10/24", "2001:db8:1::10/64"]),
        ("client", &["192.0.2.20/24", "2001:db8:1::20/64"]),
    ])
    .unwrap()
}

fn install(network: &Network) {
    install_rules(network, &Ruleset::default());
}

fn install_rules(network: &Network, rules: &Ruleset) {
    let text = rules.install();
    let text = text.replace('\'', "");
    network.machine("server").run(&format!("nft -f - <<'END'\n{text}\nEND")).unwrap();
}

fn target(source: &str, scope: Scope) -> Target {
    Target { source: source.parse().unwrap(), scope }
}

fn all_kinds() -> Vec<Target> {
    let web = Scope::Service { protocol: Protocol::Tcp, port: 80 };
    let dns = Scope::Service { protocol: Protocol::Udp, port: 53 };
    vec![
        target("198.51.100.7", Scope::Everything),
        target("2001:db8:66::7", Scope::Everything),
        target("2001:db8:66:1::/64", Scope::Everything),
        target("203.0.113.0/24", Scope::Everything),
        target("203.0.113.128/25", web).with_host("203.0.113.9"),
        target("2001:db8:77::/48", Scope::Everything),
        target("255.255.255.0/24", Scope::Everything),
        target("198.51.100.8", web),
        target("2001:db8:66::8", dns),
        target("2001:db8:66:2::/64", web),
        target("198.51.100.9", Scope::Unoffered),
        target("2001:db8:66::9", Scope::Unoffered),
        target("2001:db8:66:3::/64", Scope::Unoffered),
    ]
}

trait WithHost {
    fn with_host(self, host: &str) -> Self;
}

impl WithHost for Target {
    fn with_host(self, host: &str) -> Self {
        Self { source: host.parse().unwrap(), ..self }
    }
}

fn what_is_put_in_is_found_again() -> Result<(), Failed> {
    let network = network();
    install(&network);
    network.machine("server").within(|| {
        let mut sets = Sets::open().unwrap();
        let minute = Duration::from_secs(60);
        for target in all_kinds() {
            sets.change(Change::Add(target, minute)).unwrap_or_else(|e| panic!("{target}: {e}"));
        }
        let held = sets.read().unwrap();
        let found: Vec<_> = held.keys().copied().collect();
        let mut expected = all_kinds();
        expected.sort();
        assert_eq!(found, expected);
        for (target, held) in &held {
            assert!(held.left <= minute && held.left > minute / 2, "{target}: {held:?}");
        }
        // Once more, for longer.
        let target = all_kinds()[0];
        sets.change(Change::Add(target, minute * 10)).unwrap();
        assert!(sets.read().unwrap()[&target].left > minute * 9);
        for target in all_kinds() {
            sets.change(Change::Remove(target)).unwrap();
        }
        assert_eq!(sets.read().unwrap(), BTreeMap::new());
        sets.set_offered(&[(Protocol::Tcp, 22), (Protocol::Udp, 53), (Protocol::Arp, 0)]).unwrap();
        sets.set_offered(&[(Protocol::Tcp, 22)]).unwrap();
    })?;
    let offered = network.machine("server").run("nft list set inet tripline offered")?.out;
    assert!(offered.contains("elements = { tcp . 22 }"), "{offered}");
    Ok(())
}

fn packets_are_dropped_and_counted() -> Result<(), Failed> {
    let network = network();
    install(&network);
    let (server, client) = (network.machine("server"), network.machine("client"));
    client.run("ping -c 1 -W 1 192.0.2.10 && ping -c 1 -W 1 2001:db8:1::10")?;
    let v4 = target("192.0.2.20", Scope::Everything);
    let v6 = target("2001:db8:1::/64", Scope::Everything);
    let change = |change| server.within(|| Sets::open().unwrap().change(change).unwrap());
    let minute = Duration::from_secs(60);
    change(Change::Add(v4, minute))?;
    assert!(!client.try_run("ping -c 2 -i 0.2 -W 1 192.0.2.10")?.success);
    client.run("ping -c 1 -W 1 2001:db8:1::10")?;
    change(Change::Add(v6, minute))?;
    assert!(!client.try_run("ping -c 1 -W 1 2001:db8:1::10")?.success);
    let held = server.within(|| Sets::open().unwrap().read().unwrap())?;
    assert_eq!(held[&v4].packets, 2);
    change(Change::Add(v4, Duration::from_millis(300)))?;
    std::thread::sleep(std::time::Duration::from_millis(600));
    client.run("ping -c 1 -W 1 192.0.2.10")?;
    Ok(())
}

/// Whoever has a /64 has as many addresses as he likes.
fn a_site_is_one_source() -> Result<(), Failed> {
    use std::io::ErrorKind::{ConnectionRefused, TimedOut};

    let network = network();
    install(&network);
    let (server, client) = (network.machine("server"), network.machine("client"));
    let connect = |number: u32, port: u16| {
        client.run(&format!(
            "ip -6 addr replace 2001:db8:1::{number:x}/64 dev eth0 nodad preferred_lft forever && \
             ip -6 route replace 2001:db8:1::10 dev eth0 src 2001:db8:1::{number:x}"
        ))?;
        let to = std::net::SocketAddr::new("2001:db8:1::10".parse()?, port);
        let time = std::time::Duration::from_millis(200);
        let result = client.within(|| std::net::TcpStream::connect_timeout(&to, time))?;
        Ok::<_, Failed>(result.err().map(|error| error.kind()))
    };
    let change = |change| server.within(|| Sets::open().unwrap().change(change).unwrap());
    let minute = Duration::from_secs(60);
    let web = Scope::Service { protocol: Protocol::Tcp, port: 80 };
    change(Change::Add(target("2001:db8:1::/64", web), minute))?;
    for number in [0x20, 0x21] {
        assert_eq!(connect(number, 80)?, Some(TimedOut));
        assert_eq!(connect(number, 81)?, Some(ConnectionRefused));
    }
    change(Change::Add(target("2001:db8:1::/64", Scope::Unoffered), minute))?;
    let tries: Vec<_> = (0x30..0x40).map(|number| connect(number, 81)).collect::<Result<_, _>>()?;
    let refused = tries.iter().filter(|tried| **tried == Some(ConnectionRefused)).count();
    let dropped = tries.iter().filter(|tried| **tried == Some(TimedOut)).count();
    // Six at once, and perhaps one more in the seconds that this takes.
    assert!((6..=8).contains(&refused) && refused + dropped == tries.len(), "{tries:?}");
    Ok(())
}

/// Nobody reads the log here, so who is handed over gets no answer, and who is not is refused at
/// once or served.
fn challenges() -> Result<(), Failed> {
    use std::io::ErrorKind::{ConnectionRefused, TimedOut};

    let network = network();
    let friends = ["198.51.100.0/24", "198.51.100.7/32", "2001:db8:77::/48"];
    let friends = friends.map(|friend| friend.parse().unwrap()).to_vec();
    let challenge = Some(Challenge { group: 21_700, friends });
    install_rules(&network, &Ruleset { challenge, ..Ruleset::default() });
    let (server, client) = (network.machine("server"), network.machine("client"));
    let alive = |alive| server.within(|| Sets::open().unwrap().set_alive(alive).unwrap());
    let spare = |spared: &[&str]| {
        let spared: Vec<_> = spared.iter().map(|one| one.parse().unwrap()).collect();
        server.within(move || Sets::open().unwrap().set_spared(&spared).unwrap())
    };
    let addresses = ["192.0.2.10", "2001:db8:1::10"];
    let connect = |address: &str, port: u16| {
        let to = std::net::SocketAddr::new(address.parse().unwrap(), port);
        let time = std::time::Duration::from_millis(300);
        client.within(|| std::net::TcpStream::connect_timeout(&to, time).map(drop))
    };
    let is = |result: std::io::Result<()>, kind| result.is_err_and(|error| error.kind() == kind);
    for address in addresses {
        assert!(is(connect(address, 7)?, ConnectionRefused), "not switched on");
    }
    alive(true)?;
    for address in addresses {
        assert!(is(connect(address, 7)?, TimedOut), "{address} is not handed over");
        // The kernel itself looks whether somebody listens; nobody was told that he does.
        let at = std::net::SocketAddr::new(address.parse().unwrap(), 8_080);
        let service = server.within(|| std::net::TcpListener::bind(at).unwrap())?;
        connect(address, 8_080)?.unwrap();
        drop(service);
        assert!(is(connect(address, 8_080)?, TimedOut), "nobody listens any more");
    }
    spare(&["192.0.2.20", "2001:db8:1::20"])?;
    for address in addresses {
        assert!(is(connect(address, 7)?, ConnectionRefused), "spared");
    }
    spare(&[])?;
    server.within(|| Sets::open().unwrap().set_offered(&[(Protocol::Tcp, 7)]).unwrap())?;
    assert!(is(connect("192.0.2.10", 7)?, ConnectionRefused), "offered");
    // Beyond twenty at once of one source the kernel refuses as ever.
    let burst =
        client.run("nmap -n -Pn -sS --max-retries 0 --min-rate 500 -p 200-399 192.0.2.10")?;
    let line = burst.out.lines().find(|line| line.contains("Not shown")).unwrap_or_default();
    assert!(line.contains("closed"), "{}", burst.out);
    alive(true)?;
    std::thread::sleep(std::time::Duration::from_secs(8));
    alive(true)?;
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(is(connect("192.0.2.10", 9)?, TimedOut), "its time was not set anew");
    std::thread::sleep(std::time::Duration::from_secs(7));
    assert!(is(connect("192.0.2.10", 9)?, ConnectionRefused), "nobody kept it alive");
    alive(true)?;
    alive(false)?;
    assert!(is(connect("192.0.2.10", 9)?, ConnectionRefused), "switched off");
    Ok(())
}

fn a_table_that_is_gone_is_noticed() -> Result<(), Failed> {
    let network = network();
    install(&network);
    let server = network.machine("server");
    server.run("nft flush ruleset")?;
    let error = server.within(|| Sets::open().unwrap().read().unwrap_err())?;
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    Ok(())
}

/// Whether a session with the server can be opened.
fn connects(client: &tripline_lab::Machine, to: &str) -> bool {
    let address: std::net::SocketAddr = to.parse().unwrap();
    let wait = std::time::Duration::from_millis(400);
    client.within(|| std::net::TcpStream::connect_timeout(&address, wait).is_ok()).unwrap()
}

fn a_shield_drops_syns_and_nothing_else() -> Result<(), Failed> {
    let network = network();
    let (server, client) = (network.machine("server"), network.machine("client"));
    let (v4, v6) = ("192.0.2.10:80", "[2001:db8:1::10]:80");
    let listener = server.within(|| std::net::TcpListener::bind("[::]:80").unwrap())?;
    let index = server.run("cat /sys/class/net/eth0/ifindex || ip -o link show eth0")?.out;
    let index = index.split([':', '\n']).next().unwrap_or_default().trim().parse().unwrap();
    let shield = server.within(|| Xdp::attach(&[index], 16).unwrap())?;
    assert!(connects(client, v4) && connects(client, v6), "an empty shield drops");
    // A session that is up stays up.
    let mut session = client.within(|| std::net::TcpStream::connect(v4).unwrap())?;
    // The two that were opened before wait first.
    let [_, _, (mut taken, _)] = [(); 3].map(|()| listener.accept().unwrap());

    let minute = Duration::from_secs(60);
    let host4 = target("192.0.2.20", Scope::Everything);
    let host6 = target("2001:db8:1::20", Scope::Everything);
    let site6 = target("2001:db8:1::/64", Scope::Everything);
    shield.add(host4, minute)?;
    assert!(!connects(client, v4) && connects(client, v6));
    shield.add(host6, minute)?;
    assert!(!connects(client, v6));
    shield.remove(host6)?;
    assert!(connects(client, v6));
    shield.add(site6, minute)?;
    assert!(!connects(client, v6));
    for (target, least) in [(host4, 1), (site6, 1)] {
        assert!(shield.dropped(target)? >= least, "{target} was not counted");
    }
    {
        use std::io::{Read as _, Write as _};
        session.write_all(b"still here")?;
        let mut said = [0; 10];
        taken.read_exact(&mut said)?;
        assert_eq!(&said, b"still here");
    }
    client.run("ping -c 1 -W 1 192.0.2.10")?;
    // What nftables alone can do is left to it.
    shield.add(target("192.0.2.0/24", Scope::Everything), minute)?;
    shield.add(target("192.0.2.20", Scope::Unoffered), minute)?;
    // Behind VLAN tags, too, and cut short anywhere.
    let before = shield.dropped(host4)?;
    client.run(&format!("/usr/bin/python3 -c '{TAGGED}'"))?;
    assert_eq!(shield.dropped(host4)?, before + 2, "SYNs behind one and two tags");
    // It ends by itself, and with the helper.
    shield.add(host4, Duration::from_millis(50))?;
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(connects(client, v4), "not over by the clock");
    shield.add(host4, minute)?;
    drop(shield);
    assert!(connects(client, v4) && connects(client, v6), "it outlives its owner");
    Ok(())
}

/// Sends a SYN behind one and two VLAN tags, and all that is left of them when they are cut.
const TAGGED: &str = r#"
import socket, struct
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))
ends = b"\xff" * 6 + b"\x02\x00\x00\x00\x00\x99"
addresses = socket.inet_aton("192.0.2.20") + socket.inet_aton("192.0.2.10")
packet = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0x4000, 64, 6, 0) + addresses
packet += struct.pack("!HHIIBBHHH", 4000, 80, 1, 0, 0x50, 2, 1024, 0, 0)
for tags in [b"\x81\x00\x00\x07", b"\x88\xa8\x00\x07\x81\x00\x00\x08"]:
    frame = ends + tags + b"\x08\x00" + packet
    for length in range(14, len(ends) + len(tags) + 2 + 34):
        wire.send(frame[:length])
    wire.send(frame)
"#;
