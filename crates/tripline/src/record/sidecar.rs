//! The settings beside a recorded capture: what the sensor knew and the capture does not show.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tripline_core::event::Incident;
use tripline_core::settings::Settings;
use tripline_core::{Protocol, Service};
use tripline_packet::{Addr, Prefix};

/// Hosts whose services are told, and the services of each.
pub(super) type Offered = BTreeMap<Addr, BTreeSet<(Protocol, u16)>>;

/// What one incident adds to the settings.
#[derive(Clone, Debug)]
pub(super) struct Sidecar {
    pub(super) id: String,
    pub(super) settings: Settings,
    pub(super) offered: Offered,
}

/// Of the hosts that an incident touched.
pub(super) fn of(incident: &Incident, settings: &Settings, offered: &[Service]) -> Sidecar {
    let touched: BTreeSet<Addr> = incident.touches.iter().map(|touch| touch.service.host).collect();
    let mut found = Offered::new();
    for service in offered.iter().filter(|service| touched.contains(&service.host)) {
        found.entry(service.host).or_default().insert((service.protocol, service.port));
    }
    Sidecar { id: incident.id.clone(), settings: settings.clone(), offered: found }
}

/// The file, as `tripline read --settings` takes it.
pub(super) fn write(ids: &BTreeSet<String>, settings: &Settings, offered: &Offered) -> String {
    let mut text = String::new();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    // Writing to memory does not fail.
    let _ = write!(
        text,
        "# What the sensor knew besides the capture of the same name, for:\n\
         #     tripline read --settings THIS CAPTURE\n\
         # Incidents: {}\n\n\
         home = {}\nfriends = {}\n\n\
         [detection]\nalpha = {:e}\nsilence = \"{}ms\"\nquiet = \"{}ms\"\n",
        ids.join(", "),
        list(&settings.home),
        list(&settings.friends),
        settings.alpha,
        settings.silence.as_millis(),
        settings.quiet.as_millis(),
    );
    for (host, services) in offered {
        let _ = write!(text, "\n[[services]]\nhosts = \"{host}\"\n");
        for (protocol, name) in
            [(Protocol::Tcp, "tcp"), (Protocol::Udp, "udp"), (Protocol::Sctp, "sctp")]
        {
            let ports: Vec<String> = services
                .iter()
                .filter(|(of, _)| *of == protocol)
                .map(|(_, port)| port.to_string())
                .collect();
            if !ports.is_empty() {
                let _ = writeln!(text, "{name} = [{}]", ports.join(", "));
            }
        }
    }
    text
}

fn list(networks: &[Prefix]) -> String {
    let texts: Vec<String> = networks.iter().map(|network| format!("\"{network}\"")).collect();
    format!("[{}]", texts.join(", "))
}
