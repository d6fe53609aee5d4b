use tripline_core::Standing;
use tripline_core::event::{CurtailmentStep, SCHEMA_VERSION};
use tripline_packet::Duration;
use tripline_respond::{Author, Scope, Target};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_parts(seconds, 0)
}

fn curtailment(source: &str) -> Curtailment {
    Curtailment {
        target: Target { source: source.parse().unwrap(), scope: Scope::Everything },
        since: at(100),
        until: at(100) + Duration::from_secs(300),
        strikes: 2,
        by: Author::Operator("ann".to_owned()),
        because: "it \"sweeps\"".to_owned(),
        incident: Some("I-1".to_owned()),
    }
}

#[test]
fn curtailments_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = Store::open(folder.path()).unwrap();
        store.put_curtailment(&curtailment("192.0.2.1")).unwrap();
        store.put_curtailment(&curtailment("2001:db8::/64")).unwrap();
        store.put_curtailment(&curtailment("192.0.2.2")).unwrap();
        store.end_curtailment(&curtailment("192.0.2.2")).unwrap();
    }
    let store = Store::open(folder.path()).unwrap();
    let found = store.curtailments().unwrap();
    assert_eq!(found, [curtailment("192.0.2.1"), curtailment("2001:db8::/64")]);
    assert_eq!(store.check().unwrap(), None);
}

#[test]
fn services_are_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let service = |port, last| ServiceEvent {
        schema: SCHEMA_VERSION,
        host: "192.0.2.10".parse::<std::net::IpAddr>().unwrap().into(),
        protocol: Protocol::Tcp,
        port,
        standing: Standing::Offered,
        reason: "answers".to_owned(),
        first: Some(at(1)),
        last: Some(at(last)),
        clients: 7,
    };
    store.put_services(&[service(22, 5), service(80, 6)]).unwrap();
    store.put_services(&[service(80, 9)]).unwrap();
    let found = store.services().unwrap();
    let of = |known: &Known| (known.service.port, known.first, known.last, known.clients);
    let expected = [(22, at(1), at(5), 7), (80, at(1), at(9), 7)];
    assert_eq!(found.iter().map(of).collect::<Vec<_>>(), expected);
}

#[test]
fn what_was_done_is_logged_and_forgotten_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for seconds in [10, 20] {
        let told = Told {
            schema: SCHEMA_VERSION,
            time: at(seconds),
            step: CurtailmentStep::Curtailed,
            source: "192.0.2.1".parse().unwrap(),
            from: "everything".to_owned(),
            until: None,
            strikes: 0,
            incident: None,
            by: "tripline".to_owned(),
            reason: String::new(),
        };
        store.log_curtailment(&told).unwrap();
    }
    assert_eq!(store.logged("curtailment", at(0)).unwrap().len(), 2);
    assert_eq!(store.logged("curtailment", at(15)).unwrap().len(), 1);
    store.forget(at(15)).unwrap();
    assert_eq!(store.logged("curtailment", at(0)).unwrap().len(), 1);
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = Store::open(folder.path()).unwrap().path().to_owned();
    let newer = schema::VERSION + 1;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", newer).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(&error, Error::Newer { found, .. } if *found == newer), "{error}");
    assert!(error.to_string().contains("newer tripline"), "{error}");
}

#[test]
fn what_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), [b'x'; 4_096]).unwrap();
    let error = Store::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains(FILE) && error.contains("not a database"), "{error}");
}
