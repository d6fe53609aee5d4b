//! From the sensor's status to metrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::watch::status::{Board, Status};

/// Encodes the last status of a board.
#[derive(Debug)]
pub(super) struct Numbers(pub(super) Board);

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Before the first look there is nothing to tell.
        self.0.get().map_or(Ok(()), |status| Page { encoder: &mut encoder }.write(&status))
    }
}

struct Page<'a, 'e> {
    encoder: &'a mut DescriptorEncoder<'e>,
}

/// A metric's value for one value of its label.
type Row<'a> = (&'a str, u64);

impl Page<'_, '_> {
    fn write(&mut self, status: &Status) -> fmt::Result {
        self.capture(status)?;
        self.detection(status)?;
        self.tables(status)?;
        self.curtailment(status)
    }

    fn capture(&mut self, status: &Status) -> fmt::Result {
        let summary = &status.engine.summary;
        self.counter("packets", "Packets that were read and understood", summary.packets)?;
        self.counter("bytes", "Bytes on the wire of these", summary.bytes)?;
        let rows = |value: fn(&crate::watch::status::InterfaceStatus) -> u64| -> Vec<Row<'_>> {
            status.interfaces.iter().map(|found| (found.name.as_str(), value(found))).collect()
        };
        let frames = rows(|found| found.frames);
        self.counters("interface_frames", "Frames that passed the filter", "interface", &frames)?;
        let drops = rows(|found| found.drops);
        self.counters("interface_drops", "Frames that were lost", "interface", &drops)?;
        let up = rows(|found| u64::from(found.up));
        self.gauges("interface_up", "Whether it is up", "interface", &up)
    }

    fn detection(&mut self, status: &Status) -> fmt::Result {
        let summary = &status.engine.summary;
        let attempts = [
            ("established", summary.attempts.established),
            ("half_open", summary.attempts.half_open),
            ("refused", summary.attempts.refused),
            ("unreachable", summary.attempts.unreachable),
            ("silent", summary.attempts.silent),
        ];
        self.counters("attempts", "Access attempts by how they ended", "outcome", &attempts)?;
        let given_up = summary.attempts_dropped;
        self.counter("attempts_dropped", "Attempts given up, a table being full", given_up)?;
        self.counter("probes", "Attempts at services that nobody offers", summary.probes)?;
        let verdicts: Vec<Row<'_>> =
            summary.incidents.iter().map(|found| (found.name.as_str(), found.count)).collect();
        self.counters("incidents_closed", "Incidents that are over", "verdict", &verdicts)?;
        let dropped = summary.incidents_dropped;
        self.counter("incidents_dropped", "Verdicts that there was no room for", dropped)?;
        self.counter("backscatter", "Answers to what nobody asked", summary.backscatter)?;
        let malformed: Vec<Row<'_>> =
            summary.malformed.iter().map(|found| (found.name.as_str(), found.count)).collect();
        self.counters("malformed", "Malformed packets", "kind", &malformed)
    }

    fn tables(&mut self, status: &Status) -> fmt::Result {
        let engine = &status.engine;
        let tables = [
            ("flows", engine.flows),
            ("sources", engine.sources),
            ("services", engine.services),
            ("incidents", engine.incidents),
        ];
        let used = tables.map(|(name, fill)| (name, fill.used));
        self.gauges("table_entries", "Entries in use", "table", &used)?;
        let capacity = tables.map(|(name, fill)| (name, fill.capacity));
        self.gauges("table_capacity", "Entries that there are", "table", &capacity)?;
        let filtered = engine.summary.sources_filtered;
        self.counter("sources_filtered", "Sources turned away at first sight", filtered)?;
        let evicted = engine.summary.sources_evicted;
        self.counter("sources_evicted", "Sources pushed out of a full table", evicted)?;
        let floor = engine.detection_floor.map_or(0.0, |floor| floor.as_secs_f64());
        self.gauge(
            "detection_floor_seconds",
            "Sweeps with longer pauses may be missed; 0 while no source was pushed out",
            floor,
        )
    }

    fn curtailment(&mut self, status: &Status) -> fmt::Result {
        let in_force = status.curtailed.len() as f64;
        self.gauge("curtailments", "Curtailments in force", in_force)?;
        let held = status.curtailed.iter().filter(|one| one.kernel.is_some()).count() as f64;
        self.gauge("curtailments_in_kernel", "Those of them that the kernel holds", held)?;
        let packets = status.curtailed.iter().filter_map(|one| one.kernel);
        let dropped: u64 = packets.map(|(_, packets)| packets).sum();
        let help = "Packets that the kernel dropped for the curtailments in force";
        self.gauge("curtailed_packets", help, dropped as f64)?;
        self.counter("events", "Events that were told", status.events)?;
        self.counter("events_not_kept", "Events that could not be written down", status.not_kept)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let metric = ConstCounter::new(value);
        let encoder = self.encoder.encode_descriptor(name, help, None, metric.metric_type())?;
        metric.encode(encoder)
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let metric = ConstGauge::new(value);
        let encoder = self.encoder.encode_descriptor(name, help, None, metric.metric_type())?;
        metric.encode(encoder)
    }

    fn counters(&mut self, name: &str, help: &str, label: &str, rows: &[Row<'_>]) -> fmt::Result {
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut family = self.encoder.encode_descriptor(name, help, None, kind)?;
        rows.iter().try_for_each(|(of, value)| {
            ConstCounter::new(*value).encode(family.encode_family(&[(label, *of)])?)
        })
    }

    fn gauges(&mut self, name: &str, help: &str, label: &str, rows: &[Row<'_>]) -> fmt::Result {
        let kind = ConstGauge::new(0_u64).metric_type();
        let mut family = self.encoder.encode_descriptor(name, help, None, kind)?;
        rows.iter().try_for_each(|(of, value)| {
            ConstGauge::new(*value as f64).encode(family.encode_family(&[(label, *of)])?)
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use tripline_core::event::{OutcomeCounts, Summary};
    use tripline_core::{Fill, Status as Engine};
    use tripline_packet::Timestamp;
    use tripline_respond::Mode;

    use super::*;
    use crate::watch::status::InterfaceStatus;

    pub(in crate::metrics) fn status() -> Status {
        let attempts = OutcomeCounts { refused: 5, ..OutcomeCounts::default() };
        let fill = |used| Fill { used, capacity: 10 };
        Status {
            started: Timestamp::EPOCH,
            now: Timestamp::EPOCH,
            mode: Mode::Observe,
            interfaces: vec![InterfaceStatus {
                name: "eth0".to_owned(),
                up: true,
                frames: 10,
                drops: 3,
            }],
            events: 0,
            not_kept: 0,
            engine: Engine {
                summary: Summary { packets: 7, attempts, ..Summary::default() },
                flows: fill(2),
                sources: fill(1),
                services: fill(1),
                incidents: fill(0),
                detection_floor: None,
                suspects: Vec::new(),
            },
            incidents: std::collections::VecDeque::new(),
            services: Vec::new(),
            curtailed: Vec::new(),
            notices: std::collections::VecDeque::new(),
        }
    }
}
