//! `tripline watch`.

use std::io::{self, Write as _};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, bail, ensure};
use caps::{CapSet, Capability};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tripline_capture::live::{Filter, Interface, Live, Options, Ring};
use tripline_core::catalog::PortRange;
use tripline_core::{Config, Emit, Engine};
use tripline_respond::helper::{self, Helper};
use tripline_respond::nft::{Challenge, Ruleset};
use tripline_respond::{Mode, Policy};
use tripline_store::Store;

use crate::cli::WatchArgs;
use crate::data;
use crate::hooks::{self, HookSink, Pacing};
use crate::output::{JsonLines, Sink};
use crate::report::stream::Stream;
use crate::settings::{self, Hook, Settings};
use crate::watch::challenge::Opened;
use crate::watch::control::Control;
use crate::watch::curtail::Curtailer;
use crate::watch::host::{self, Host};
use crate::watch::keeper::Keeper;
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
    let hooks = start_hooks(&settings.hooks)?;
    let live = open(&interfaces, !is_host)?;
    let challenge = open_challenge(&settings, is_host)?;
    let curtailer = curtailer(&settings, challenge.as_ref())?;
    drop_rights()?;

    let mut sink: Box<dyn Sink> = if args.json {
        Box::new(JsonLines(io::stdout()))
    } else {
        Box::new(Stream::new(io::stdout(), args.display.terminal()))
    };
    let host = is_host.then(|| Host::open(ports(&settings.watch.admin_ports))).transpose()?;
    greet(args, &settings, &interfaces)?;
    let mut sensor = Sensor::new(live, engine(&settings)?, host, curtailer);
    if let Some(challenge) = challenge {
        sensor.challenge(challenge.start());
    }
    let signals = signals()?;
    let now = sensor.now();
    let store = Store::open(&state)?;
    let known = store.services()?;
    sensor.curtailer().start(store, now)?;
    sensor.remember(
        known,
        Keeper::start(Store::open(&state)?, |trouble| {
            let _ = match trouble {
                Some(error) => writeln!(io::stderr(), "warning: {error}; it is tried again"),
                None => writeln!(io::stderr(), "what could not be written down is written now"),
            };
        }),
    );
    sensor.listen(control);
    if let Some(hooks) = hooks {
        sensor.tell_hooks(hooks);
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

/// Tells hooks of the events on standard input.
pub(super) fn hooks_runner() -> Result<Exit> {
    // It ends when its input does. A signal for all of a terminal or of a service must not end it
    // before it has delivered what the sensor has to say at its own end.
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        let ignored = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal, ignored).context("cannot take signals")?;
    }
    drop_rights_of_children()?;
    drop_rights()?;
    hooks::runner::serve(io::stdin().lock(), io::stdout())?;
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

/// Whether challenges are asked for, and make sense.
fn is_challenging(settings: &Settings, is_host: bool) -> bool {
    settings.curtail.challenge && settings.curtail.mode == Mode::Enforce && is_host
}

/// Opens the way of challenges, as long as there is the right to.
fn open_challenge(settings: &Settings, is_host: bool) -> Result<Option<Opened>> {
    if !is_challenging(settings, is_host) {
        return Ok(None);
    }
    let opened = Opened::open(random_key()?);
    opened.map(Some).context("cannot challenge (`challenge` under `[curtail]`)")
}

fn curtailer(settings: &Settings, challenge: Option<&Opened>) -> Result<Curtailer> {
    let curtail = &settings.curtail;
    let policy = Policy {
        mode: curtail.mode,
        lengths: curtail.lengths.clone(),
        most: curtail.most,
        per_minute: curtail.per_minute,
        links: host::links().context("cannot list the network interfaces")?,
    };
    let friends = settings.detection.friends.clone();
    let ruleset = Ruleset {
        slow_per_minute: curtail.slow_per_minute as u32,
        challenge: challenge
            .map(|opened| Challenge { group: opened.group(), friends: friends.clone() }),
        ..Ruleset::default()
    };
    let helper = (curtail.mode == Mode::Enforce).then(start_helper).transpose()?;
    Ok(Curtailer::new(policy, ruleset, friends, helper))
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

/// Starts the process that runs the hooks, before there is anything open that it could inherit.
fn start_hooks(hooks: &[Hook]) -> Result<Option<HookSink>> {
    if hooks.is_empty() {
        return Ok(None);
    }
    settings::check_hooks(hooks)?;
    let program = std::env::current_exe().context("cannot find the program itself")?;
    let mut command = Command::new(program);
    command.arg("hooks-runner");
    let sink = HookSink::start(command, hooks.to_vec(), Pacing::default());
    sink.map(Some).context("cannot start the process that runs the hooks")
}

/// Sees to it that no program that is started from now on gets rights: to the user root the kernel
/// gives them back with each program, unless they are out of his reach.
fn drop_rights_of_children() -> Result<()> {
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        caps::clear(None, CapSet::Bounding).context("cannot give up rights")?;
    } else if nix::unistd::geteuid().is_root() {
        nix::sys::prctl::set_no_new_privs().context("cannot give up rights")?;
    }
    Ok(())
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

/// A key that nobody can foresee.
fn random_key() -> Result<[u64; 2]> {
    let mut key = [0; 16];
    let mut random = std::fs::File::open("/dev/urandom").context("cannot read /dev/urandom")?;
    io::Read::read_exact(&mut random, &mut key)?;
    Ok([&key[..8], &key[8..]]
        .map(|half| half.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))))
}

fn engine(settings: &Settings) -> Result<Engine> {
    Ok(Engine::new(Config {
        settings: settings.detection.clone(),
        catalog: data::catalog()?,
        likelihoods: data::likelihoods()?,
        tools: data::tools()?,
        key: random_key()?,
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
    let is_host = settings.watch.interfaces.is_empty();
    let what = if is_host { "this machine on " } else { "" };
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
    if is_challenging(settings, is_host) {
        writeln!(err, "who tries what nobody offers is challenged: such ports may look open once")?;
    } else if settings.curtail.challenge {
        let why = if is_host { "only with --enforce" } else { "only for this machine itself" };
        writeln!(err, "nobody is challenged: {why}")?;
    }
    let _ = args;
    Ok(())
}
