//! From where people are logged in to this machine.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::protected::values;

/// As logind and the login programs note it.
pub(super) fn logins(root: &Path) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("run/systemd/sessions")).into_iter().flatten().flatten() {
        if let Ok(text) = fs::read_to_string(entry.path()) {
            found.extend(values(&text, "REMOTE_HOST="));
        }
    }
    if let Ok(bytes) = fs::read(root.join("run/utmp")) {
        let (records, _) = bytes.as_chunks::<RECORD>();
        found.extend(records.iter().filter_map(of_record));
    }
    found
}

/// A `struct utmp` (utmp(5)): its type comes first; the address is sixteen bytes, of which IPv4 uses
/// the first four.
const RECORD: usize = 384;
const ADDRESS: usize = 348;
const USER_PROCESS: i16 = 7;

fn of_record(record: &[u8; RECORD]) -> Option<IpAddr> {
    if i16::from_ne_bytes([record[0], record[1]]) != USER_PROCESS {
        return None;
    }
    let bytes: [u8; 16] = *record[ADDRESS..].first_chunk()?;
    let (v4, rest) = bytes.split_first_chunk::<4>()?;
    let is_v4 = rest.iter().all(|byte| *byte == 0);
    let address = if is_v4 {
        Ipv4Addr::from(*v4).into()
    } else {
        IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()
    };
    (!address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_notes_are_understood() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("run/systemd/sessions")).unwrap();
        let session = "UID=0\nACTIVE=1\nREMOTE=1\nREMOTE_HOST=192.0.2.5\n";
        fs::write(root.path().join("run/systemd/sessions/7"), session).unwrap();
        let record = |kind: i16, address: &[u8]| {
            let mut record = vec![0; RECORD];
            record[..2].copy_from_slice(&kind.to_ne_bytes());
            record[ADDRESS..ADDRESS + address.len()].copy_from_slice(address);
            record
        };
        let v6: Ipv6Addr = "2001:db8::7".parse().unwrap();
        let utmp = [
            record(USER_PROCESS, &[192, 0, 2, 6]),
            record(USER_PROCESS, &v6.octets()),
            // Logged out, on the console, and cut short.
            record(8, &[192, 0, 2, 7]),
            record(USER_PROCESS, &[]),
            vec![7; 100],
        ];
        fs::write(root.path().join("run/utmp"), utmp.concat()).unwrap();
        let mut found: Vec<String> = logins(root.path()).iter().map(IpAddr::to_string).collect();
        found.sort();
        assert_eq!(found, ["192.0.2.5", "192.0.2.6", "2001:db8::7"]);
        assert!(logins(Path::new("/nowhere")).is_empty());
    }
}
