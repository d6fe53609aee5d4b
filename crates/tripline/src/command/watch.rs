//! `tripline watch`.

use std::io::{self, Write as _};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use caps::{CapSet, Capability};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tripline_capture::live::{Filter, Interface, Live, Options, Ring};
use tripline_core::catalog::PortRange;
use tripline_core::{Config, Emit, Engine};
use tripline_respond::helper::{self, Helper};
use tripline_respond::nft::Ruleset;
use tripline_respond::{Mode, Policy};
use tripline_store::Store;

use crate::cli::WatchArgs;
use crate::data;
use crate::output::{JsonLines, Sink};
use crate::report::stream::Stream;
use crate::settings::Settings;
use crate::watch::control::Control;
use crate::watch::curtail::Curtailer;
use crate::watch::host::{self, Host};
use crate::watch::keeper::Keeper;
use crate::watch::record::{self, RecordedInterface, Recorder};
use crate::watch::{Sensor, Signals};

use super::Exit;

/// Watches until a signal ends it.
pub(super) fn watch(args: &WatchArgs) -> Result<Exit> {
    let mut settings = args.settings.layers().resolve()?;
    if !args.interface.is_empty() {
        settings.watch.interfaces.clone_from(&args.interface);
    }
    if args.enforce {
        settings.curtail.mode = Mode::Enforce;
    }
    settings.watch.record |= args.record;
    let is_host = settings.watch.interfaces.is_empty();
    let interfaces = interfaces(&settings.watch.interfaces)?;
    if settings.detection.home.is_empty() {
        // Of a span port one can only say that what is private is likely to be ours.
        settings.detection.home = if is_host { own_networks(&interfaces) } else { private() };
    }
    let state = settings.watch.state.clone();
    std::fs::create_dir_all(&state)
        .with_context(|| format!("cannot make the folder {}", state.display()))?;
    let control = Control::listen(&state).context("cannot start a second time")?;
    let live = open(&interfaces, !is_host)?;
    let curtailer = curtailer(&settings)?;
    drop_rights()?;

    let mut sink: Box<dyn Sink> = if args.json {
        Box::new(JsonLines(io::stdout()))
    } else {
        Box::new(Stream::new(io::stdout(), args.display.terminal()))
    };
    let host = is_host.then(|| Host::open(ports(&settings.watch.admin_ports))).transpose()?;
    greet(args, &settings, &interfaces)?;
    let mut sensor = Sensor::new(live, engine(&settings)?, host, curtailer);
    let signals = signals()?;
    let now = sensor.now();
    let store = Store::open(&state)?;
    let known = store.services()?;
    sensor.curtailer().start(store, now)?;
    sensor.remember(
        known,
        Keeper::start(Store::open(&state)?, |error| {
            let _ = writeln!(io::stderr(), "warning: {error}");
        }),
    );
    sensor.listen(control);
    if settings.watch.record {
        sensor.record(recorder(&settings, &interfaces)?);
    }
    sensor.run(&signals, sink.as_mut())?;
    Ok(Exit::Fine)
}

/// Serves the verbs of the helper on standard input and output.
pub(super) fn enforcer() -> Result<Exit> {
    keep_only(&[Capability::CAP_NET_ADMIN])?;
    helper::serve(io::stdin().lock(), io::stdout().lock())?;
    Ok(Exit::Fine)
}

/// The named ones, or those that lead outside.
fn interfaces(names: &[String]) -> Result<Vec<Interface>> {
    let all = Interface::all().context("cannot list the network interfaces")?;
    if names.is_empty() {
        let found: Vec<Interface> = all.into_iter().filter(leads_outside).collect();
        ensure!(!found.is_empty(), "no interface leads outside; name one with -i");
        return Ok(found);
    }
    let find = |name: &String| {
        let found = all.iter().find(|interface| *interface.name == **name);
        let known: Vec<&str> = all.iter().map(|interface| &*interface.name).collect();
        found.cloned().with_context(|| format!("no interface `{name}`; there are {known:?}"))
    };
    names.iter().map(find).collect()
}

/// It is up and has an address that others can reach; bridges of containers lead inside.
fn leads_outside(interface: &Interface) -> bool {
    const INSIDE: [&str; 6] = ["docker", "br-", "veth", "virbr", "cni", "lxc"];
    let is_inside = INSIDE.iter().any(|prefix| interface.name.starts_with(prefix));
    interface.running && !interface.loopback && !is_inside && !interface.addresses.is_empty()
}

fn own_networks(interfaces: &[Interface]) -> Vec<tripline_packet::Prefix> {
    let networks = interfaces.iter().flat_map(|interface| &interface.addresses);
    networks.map(|(address, _)| tripline_packet::Prefix::new(*address, 128)).collect()
}

fn private() -> Vec<tripline_packet::Prefix> {
    let networks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
    networks.iter().filter_map(|network| network.parse().ok()).collect()
}

fn open(interfaces: &[Interface], promiscuous: bool) -> Result<Live> {
    let options = Options { promiscuous, ..Options::default() };
    let mut live = Live::default();
    for interface in interfaces {
        let ring =
            Ring::open(interface, &options, &Filter::default()).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::PermissionDenied => anyhow::anyhow!(
                        "no right to watch {}: run as root, or give the program CAP_NET_RAW",
                        interface.name
                    ),
                    _ => anyhow::anyhow!("cannot watch {}: {error}", interface.name),
                }
            })?;
        live.add(ring);
    }
    Ok(live)
}

fn curtailer(settings: &Settings) -> Result<Curtailer> {
    let curtail = &settings.curtail;
    let policy = Policy {
        mode: curtail.mode,
        lengths: curtail.lengths.clone(),
        most: curtail.most,
        per_minute: curtail.per_minute,
        links: host::links().context("cannot list the network interfaces")?,
    };
    let ruleset = Ruleset { slow_per_minute: curtail.slow_per_minute as u32, ..Ruleset::default() };
    let helper = (curtail.mode == Mode::Enforce).then(start_helper).transpose()?;
    Ok(Curtailer::new(policy, ruleset, settings.detection.friends.clone(), helper))
}

fn recorder(settings: &Settings, interfaces: &[Interface]) -> Result<Recorder> {
    let folder = settings.watch.state.join("record");
    let options = record::Options::new(folder, settings.watch.record_size);
    let recorded = |interface: &Interface| RecordedInterface {
        name: interface.name.clone(),
        link: interface.medium.link(),
    };
    let recorded = interfaces.iter().map(recorded).collect();
    Recorder::start(&options, settings.detection.clone(), recorded)
        .with_context(|| format!("cannot record in {}", options.folder.display()))
}

fn start_helper() -> Result<Helper> {
    if !caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN)? {
        bail!("no right to curtail: run as root, or give the program CAP_NET_ADMIN");
    }
    let program = std::env::current_exe().context("cannot find the program itself")?;
    let mut command = Command::new(program);
    command.arg("enforcer");
    Helper::start(command).context("cannot start the helper that changes the firewall")
}

/// Gives up all rights but those that opening is done with.
fn drop_rights() -> Result<()> {
    keep_only(&[])
}

fn keep_only(wanted: &[Capability]) -> Result<()> {
    for set in [CapSet::Ambient, CapSet::Inheritable] {
        caps::clear(None, set).context("cannot give up rights")?;
    }
    let kept = wanted.iter().copied().collect();
    let permitted = caps::read(None, CapSet::Permitted)?;
    let kept: caps::CapsHashSet = permitted.intersection(&kept).copied().collect();
    caps::set(None, CapSet::Effective, &kept).context("cannot give up rights")?;
    caps::set(None, CapSet::Permitted, &kept).context("cannot give up rights")?;
    Ok(())
}

fn engine(settings: &Settings) -> Result<Engine> {
    let mut key = [0; 16];
    let mut random = std::fs::File::open("/dev/urandom").context("cannot read /dev/urandom")?;
    io::Read::read_exact(&mut random, &mut key)?;
    let [one, two] = [&key[..8], &key[8..]]
        .map(|half| half.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    Ok(Engine::new(Config {
        settings: settings.detection.clone(),
        catalog: data::catalog()?,
        likelihoods: data::likelihoods()?,
        tools: data::tools()?,
        key: [one, two],
        emit: Emit::Updates,
    }))
}

fn ports(ranges: &[PortRange]) -> Vec<u16> {
    ranges.iter().flat_map(|range| range.first..=range.last).collect()
}

fn signals() -> Result<Signals> {
    let signals = Signals::default();
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, signals.stop.clone()).context("cannot take signals")?;
    }
    signal_hook::flag::register(SIGHUP, signals.reload.clone()).context("cannot take signals")?;
    Ok(signals)
}

/// Says on standard error what is watched, and what will be done.
fn greet(args: &WatchArgs, settings: &Settings, interfaces: &[Interface]) -> Result<()> {
    let names: Vec<&str> = interfaces.iter().map(|interface| &*interface.name).collect();
    let what = if settings.watch.interfaces.is_empty() { "this machine on " } else { "" };
    let home: Vec<String> = settings.detection.home.iter().map(ToString::to_string).collect();
    let mode = match settings.curtail.mode {
        Mode::Off => "nothing is decided about sweepers",
        Mode::Observe => {
            "nothing is done about sweepers, only told what would be (--enforce does it)"
        }
        Mode::Enforce => "sweepers are curtailed",
    };
    let mut err = io::stderr().lock();
    writeln!(err, "watching {what}{}; home {}; {mode}", names.join(", "), home.join(", "))?;
    let _ = args;
    Ok(())
}
