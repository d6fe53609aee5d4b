//! Names that were probably meant.

use tripline_core::catalog::{Catalog, Entry};

/// At most this many names are suggested.
const MOST: usize = 5;

/// The entries that `subject` may have meant, best first: those whose ports include it, those
/// whose signature contains it, then those that are spelled alike.
pub fn suggest<'a>(catalog: &'a Catalog, subject: &str) -> Vec<&'a Entry> {
    let wanted = subject.to_ascii_lowercase();
    let port = wanted.split('/').find_map(|part| part.parse::<u16>().ok());
    let mut ranked: Vec<(f64, &Entry)> = catalog
        .entries()
        .iter()
        .filter_map(|entry| {
            let rank = likeness(entry, &wanted, port);
            (rank > 0.8).then_some((rank, entry))
        })
        .collect();
    ranked.sort_by(|(a, one), (b, two)| b.total_cmp(a).then_with(|| one.id.cmp(&two.id)));
    ranked.truncate(MOST);
    ranked.into_iter().map(|(_, entry)| entry).collect()
}

fn likeness(entry: &Entry, wanted: &str, port: Option<u16>) -> f64 {
    let named = entry.names.iter().map(|named| named.port);
    let mut ports = entry.ports.iter().copied().chain(named);
    if port.is_some_and(|port| ports.any(|range| range.contains(port))) {
        return 3.0;
    }
    let signature = entry.signature.to_ascii_lowercase();
    if wanted.len() >= 2 && signature.contains(wanted) {
        return 2.0;
    }
    let last_word = signature.rsplit('_').next().unwrap_or(&signature);
    [signature.as_str(), last_word, &entry.id.to_ascii_lowercase()]
        .into_iter()
        .map(|name| strsim::jaro_winkler(name, wanted))
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(subject: &str) -> Vec<String> {
        let catalog = crate::data::catalog().unwrap();
        let entries = suggest(&catalog, subject);
        entries.into_iter().map(|entry| entry.signature.clone()).collect()
    }

    #[test]
    fn by_port_part_and_spelling() {
        assert!(names("21").contains(&"TCP_Probe_Ftp".to_owned()));
        assert!(names("21/tcp").contains(&"TCP_Probe_Ftp".to_owned()));
        assert_eq!(names("telnt")[0], "TCP_Probe_Telnet");
        assert_eq!(names("TCP_Prob_Ftp")[0], "TCP_Probe_Ftp");
        assert!(names("mongo").iter().all(|name| name.contains("Mongo")));
        assert!(names("qqqqqqqq").is_empty());
        assert!(names("").is_empty());
    }
}
