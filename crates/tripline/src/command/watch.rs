//! `tripline watch`.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result, bail, ensure};
use caps::{CapSet, Capability};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tripline_capture::live::{Filter, Interface, Live, Options, Ring};
use tripline_core::{Config, Emit, Engine};
use tripline_respond::helper::{self, Helper};
use tripline_respond::nft::{Challenge, Ruleset};
use tripline_respond::{Mode, Policy};
use tripline_store::Store;

use crate::cli::WatchArgs;
use crate::data;
use crate::hooks::{self, HookSink, Pacing};
use crate::log;
use crate::metrics::Endpoint;
use crate::output::{JsonLines, Sink};
use crate::report::stream::Stream;
use crate::settings::{self, Hook, Settings};
use crate::view::{self, Look, View};
use crate::watch::challenge::Opened;
use crate::watch::confine::{confine, keep_only, pass_on};
use crate::watch::control::Control;
use crate::watch::curtail::Curtailer;
use crate::watch::host::{self, Host};
use crate::watch::keeper::Keeper;
use crate::watch::record::{self, RecordedInterface, Recorder};
use crate::watch::reload::Reload;
use crate::watch::{Sensor, Signals};

use super::Exit;

/// Watches until a signal ends it.
pub(super) fn watch(args: &WatchArgs) -> Result<Exit> {
    log::start(args.log_level.into());
    let settings = effective(args)?;
    let is_host = settings.watch.interfaces.is_empty();
    let interfaces = interfaces(&settings.watch.interfaces)?;
    let state = settings.watch.state.clone();
    // Who calls here is nobody else's business.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&state)
        .with_context(|| format!("cannot make the folder {}", state.display()))?;
    let control = Control::bind(&state).context("cannot start a second time")?;
    let filter = if args.whole { Filter::Everything } else { Filter::Decisive };
    let live = open(&interfaces, !is_host, filter)?;
    let challenge = open_challenge(&settings, is_host)?;
    let mut curtailer = curtailer(&settings, challenge.as_ref())?;
    if settings.curtail.xdp {
        curtailer.shield(interfaces.iter().map(|interface| interface.index).collect());
    }
    let metrics = settings.watch.metrics.and_then(bind_metrics);
    // Threads have rights of their own, so those are given up before there is a second one.
    keep_only(&[])?;
    let hooks = start_hooks(&settings.hooks)?;
    if !confine(&state)? {
        tracing::warn!("this kernel cannot confine the sensor to its folder (Landlock)");
    }

    let follows = is_host && args.settings.sensor_layers().resolve()?.detection.home.is_empty();
    let host = is_host.then(|| Host::open(&settings.watch)).transpose()?;
    let mut sensor = Sensor::new(live, engine(&settings)?, host, curtailer);
    if let Some(challenge) = challenge {
        sensor.challenge(challenge.start());
    }
    let signals = signals()?;
    let now = sensor.now();
    let store = Store::open(&state)?;
    let (known, visits) = (store.services()?, store.visits()?);
    sensor.curtailer().start(store, now)?;
    sensor.remember(known, &visits, Keeper::start(Store::open(&state)?, tell_trouble));
    greet(args, &settings, &interfaces);
    if settings.watch.record {
        sensor.record(recorder(&settings, &interfaces)?);
    }
    sensor.listen(control.serve());
    if let Some(metrics) = metrics {
        let answering = metrics.serve(sensor.board(), sensor.latencies());
        answering.context("cannot answer whoever asks for metrics")?;
    }
    sensor.follow_own_addresses(follows);
    let again = args.clone();
    sensor.reload(Reload::new(settings, move || effective(&again)));
    if let Some(hooks) = hooks {
        sensor.tell_hooks(hooks);
    }
    let (_view, mut sink) = outputs(args, &sensor, &signals, is_host);
    sensor.run(&signals, sink.as_mut())?;
    Ok(Exit::Fine)
}

/// Where events go, and the view, where there is one. It ends before the sensor's error is told, if
/// there is one.
fn outputs(
    args: &WatchArgs,
    sensor: &Sensor,
    signals: &Signals,
    is_host: bool,
) -> (Option<View>, Box<dyn Sink>) {
    if args.json {
        return (None, Box::new(JsonLines(io::stdout())));
    }
    let terminal = args.display.terminal();
    let plain: Box<dyn Sink> = Box::new(Stream::new(io::stdout(), terminal));
    if args.plain || !view::is_possible() {
        return (None, plain);
    }
    let what = if is_host { "this machine on " } else { "" }.to_owned();
    let file = args.settings.settings.as_ref();
    let options = file.map(|file| format!(" --settings {}", file.display())).unwrap_or_default();
    let look = Look { terminal, what, options };
    match View::start(sensor.board(), look, signals.stop.clone()) {
        Ok(view) => {
            let sink = Box::new(view.sink(plain));
            (Some(view), sink)
        }
        Err(error) => {
            tracing::warn!("no view on this terminal, events come as lines: {error}");
            (None, plain)
        }
    }
}

/// Says what becomes of the memory.
fn tell_trouble(trouble: Option<&tripline_store::Error>) {
    match trouble {
        Some(error) => tracing::error!("{error}; it is tried again"),
        None => tracing::info!("what could not be written down is written now"),
    }
}

/// Takes the address for metrics. Two sensors of one machine have only one between them, which is no
/// reason not to watch.
fn bind_metrics(address: SocketAddr) -> Option<Endpoint> {
    match Endpoint::bind(address) {
        Ok(endpoint) => Some(endpoint),
        Err(error) => {
            tracing::warn!("no metrics at {address}: {error}");
            None
        }
    }
}

/// What the settings and the command line say; what is home, as far as they do not, from where this
/// machine is.
fn effective(args: &WatchArgs) -> Result<Settings> {
    let mut settings = args.settings.sensor_layers().resolve()?;
    if !args.interface.is_empty() {
        settings.watch.interfaces.clone_from(&args.interface);
    }
    if args.enforce {
        settings.curtail.mode = Mode::Enforce;
    }
    settings.watch.record |= args.record;
    if settings.detection.home.is_empty() {
        // Of a span port one can only say that what is private is likely to be ours.
        settings.detection.home = match settings.watch.interfaces.as_slice() {
            [] => host::own_networks().context("cannot list the network interfaces")?,
            _ => private(),
        };
    }
    Ok(settings)
}

/// Serves the verbs of the helper on standard input and output.
pub(super) fn enforcer(xdp: bool) -> Result<Exit> {
    let rights = [Capability::CAP_NET_ADMIN, Capability::CAP_BPF];
    keep_only(if xdp { &rights } else { &rights[..1] })?;
    // For nft, which installs the tables.
    pass_on(Capability::CAP_NET_ADMIN)?;
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
    keep_only(&[])?;
    hooks::runner::serve(io::stdin().lock(), io::stdout())?;
    Ok(Exit::Fine)
}

/// The named ones, or those that lead outside.
fn interfaces(names: &[String]) -> Result<Vec<Interface>> {
    let all = Interface::all().context("cannot list the network interfaces")?;
    if names.is_empty() {
        let found: Vec<Interface> = all.into_iter().filter(host::leads_outside).collect();
        ensure!(!found.is_empty(), "no interface leads outside; name one with -i");
        return Ok(found);
    }
    let find = |name: &String| {
        let found = all.iter().find(|interface| *interface.name == **name);
        let known: Vec<&str> = all.iter().map(|interface| &*interface.name).collect();
        found
            .cloned()
            .with_context(|| format!("no interface `{name}`; there are {}", known.join(", ")))
    };
    names.iter().map(find).collect()
}

fn private() -> Vec<tripline_packet::Prefix> {
    let networks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
    networks.iter().filter_map(|network| network.parse().ok()).collect()
}

fn open(interfaces: &[Interface], promiscuous: bool, filter: Filter) -> Result<Live> {
    let options = Options { promiscuous, ..Options::default() };
    let mut live = Live::default();
    for interface in interfaces {
        let ring =
            Ring::open(interface, &options, &filter).map_err(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => anyhow::anyhow!(
                    "no right to watch {}: run as root, or give the program CAP_NET_RAW",
                    interface.name
                ),
                _ => anyhow::anyhow!("cannot watch {}: {error}", interface.name),
            })?;
        live.add(ring);
    }
    Ok(live)
}

/// Whether challenges are asked for, and make sense.
fn is_challenging(settings: &Settings, is_host: bool) -> bool {
    settings.curtail.challenge && settings.curtail.mode == Mode::Enforce && is_host
}

fn recorder(settings: &Settings, interfaces: &[Interface]) -> Result<Recorder> {
    let folder = settings.watch.state.join(record::FOLDER);
    let options = record::Options::new(folder, settings.watch.record_size);
    let recorded = |interface: &Interface| RecordedInterface {
        name: interface.name.clone(),
        link: interface.medium.link(),
    };
    let recorded = interfaces.iter().map(recorded).collect();
    Recorder::start(&options, &settings.detection.home, recorded)
        .with_context(|| format!("cannot record in {}", options.folder.display()))
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
    let links = host::links().context("cannot list the network interfaces")?;
    let policy = Policy { links, ..curtail.policy() };
    let friends = settings.detection.friends.clone();
    let challenge =
        challenge.map(|opened| Challenge { group: opened.group(), friends: friends.clone() });
    let ruleset = Ruleset { challenge, ..curtail.ruleset() };
    let start = || start_helper(curtail.xdp);
    let helper = (curtail.mode == Mode::Enforce).then(start).transpose()?;
    Ok(Curtailer::new(policy, ruleset, friends, helper))
}

fn start_helper(xdp: bool) -> Result<Helper> {
    if !caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN)? {
        bail!("no right to curtail: run as root, or give the program CAP_NET_ADMIN");
    }
    let program = std::env::current_exe().context("cannot find the program itself")?;
    let mut command = Command::new(program);
    command.arg("enforcer");
    if xdp {
        command.arg("--xdp");
    }
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

fn signals() -> Result<Signals> {
    let signals = Signals::default();
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, signals.stop.clone()).context("cannot take signals")?;
    }
    signal_hook::flag::register(SIGHUP, signals.reload.clone()).context("cannot take signals")?;
    Ok(signals)
}

/// Says what is watched, and what will be done.
fn greet(args: &WatchArgs, settings: &Settings, interfaces: &[Interface]) {
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
    if let Some(file) = args.settings.sensor_layers().file {
        tracing::info!("settings of {}", file.display());
    }
    tracing::info!("watching {what}{}; home {}; {mode}", names.join(", "), home.join(", "));
    if is_challenging(settings, is_host) {
        tracing::info!("who tries what nobody offers is challenged: such ports may look open once");
    } else if settings.curtail.challenge {
        let why = if is_host { "only with --enforce" } else { "only for this machine itself" };
        tracing::warn!("nobody is challenged: {why}");
    }
}
