use super::*;

fn shown<C: Check>(check: &C, raw: &str) -> String {
    check.show(&check.read(raw).unwrap_or_else(|problem| panic!("{raw:?} is refused: {problem}")))
}

fn refused<C: Check>(check: &C, bad: &[(&str, &str)]) {
    for (raw, problem) in bad {
        let Err(found) = check.read(raw) else { panic!("{raw:?} is accepted") };
        assert!(found.contains(problem), "{raw:?}: {found:?} does not say {problem:?}");
        assert!(!found.contains("hunter2"), "{raw:?}: {found:?} tells the password");
    }
}

#[test]
fn a_sqlite_address_names_a_file() {
    for (raw, path) in [
        ("sqlite://groundwork.db", "groundwork.db"),
        ("sqlite:///var/lib/g.db", "/var/lib/g.db"),
        ("sqlite://a b.db", "a b.db"),
    ] {
        match raw.parse() {
            Ok(DatabaseUrl::Sqlite(found)) => assert_eq!(found, PathBuf::from(path)),
            other => panic!("{raw:?}: {other:?}"),
        }
        assert_eq!(shown(&Database, raw), raw);
    }
    refused(
        &Database,
        &[
            ("sqlite://", "memory"),
            ("sqlite://:memory:", "memory"),
            ("sqlite://file::memory:?cache=shared", "memory"),
            ("sqlite://g.db?mode=memory", "memory"),
            ("sqlite://g.db?mode=ro", "options"),
            ("sqlite://file:g.db", "plain path"),
            ("sqlite:///var/lib/", "directory"),
            ("sqlite:g.db", "start with"),
            ("groundwork.db", "start with"),
            ("mysql://u:hunter2@h/d", "start with"),
        ],
    );
}

#[test]
fn a_postgres_address_is_one_the_driver_accepts() {
    for (raw, masked) in [
        ("postgres://u:hunter2@h:5433/d", "postgres://u:********@h:5433/d"),
        ("postgresql://u:hunter2@h/d?sslmode=require", "postgresql://u:********@h/d?sslmode=require"),
        ("postgres://u@h/d", "postgres://u@h/d"),
        ("postgres://u:@h/d", "postgres://u:********@h/d"),
        ("postgres://u:hunter2:x@[::1]:5432/d", "postgres://u:********@[::1]:5432/d"),
        ("postgres://u:hunter2%40x@h/d", "postgres://u:********@h/d"),
        (
            "postgres://u@h/d?password=hunter2&sslmode=prefer",
            "postgres://u@h/d?password=********&sslmode=prefer",
        ),
        ("postgres://u@h/d?p%61ssword=hunter2", "postgres://u@h/d?p%61ssword=********"),
        ("postgres://u:hunter2@a,b/d", "postgres://u:********@a,b/d"),
        ("postgres:///d?host=/run/postgresql", "postgres:///d?host=/run/postgresql"),
        ("postgres://u:hunter2@%2Frun%2Fpostgresql/d", "postgres://u:********@%2Frun%2Fpostgresql/d"),
    ] {
        let url = postgres(raw).unwrap();
        assert_eq!(url.to_string(), masked);
        assert_eq!(format!("{url:?}"), format!("SecretUrl({masked})"));
        assert_eq!(url.expose(), raw);
        assert_eq!(raw.parse::<DatabaseUrl>().unwrap().tier(), "postgresql");
    }
    refused(
        &Database,
        &[
            ("postgres://u:hunter2@/d", "no host"),
            ("postgres:///d", "no host"),
            ("postgres://u:hunter2@:5432/d", "no host"),
            ("postgres://u:hunter2@h", "no database"),
            ("postgres://u:hunter2@h/", "no database"),
            ("postgres://u:hunter2@h:x/d", "port"),
            ("postgres://u:hunter2@h:0/d", "port"),
            ("postgres://u:hunter2@h/d?sslmode=verify-full", "sslmode"),
            ("postgres://u@h/d?hunter2=1", "unknown"),
            ("postgres://u:hun/ter2@h/d", "percent-encode"),
            ("postgres://u:hun?ter2@h/d", "percent-encode"),
            ("postgres://u:hun#ter2@h/d", "percent-encode"),
            ("postgres://u:hun@ter2@h/d", "percent-encode"),
            ("postgres://u:hunter2@h/d#x", "percent-encode"),
            ("postgres://u:hunter2 x@h/d", "white space"),
        ],
    );
}

#[test]
fn replicas_are_postgres_addresses_of_one_host_each() {
    assert_eq!(shown(&Replicas, ""), "");
    assert_eq!(
        shown(&Replicas, "postgres://u:hunter2@a/d, postgresql://u:hunter2@b/d,"),
        "postgres://u:********@a/d,postgresql://u:********@b/d"
    );
    refused(
        &Replicas,
        &[
            ("postgres://u:hunter2@a/d,sqlite://g.db", "entry 2: must be postgres://"),
            ("postgres://u:hunter2@a,b/d", "entry 1: names no database"),
            ("hunter2", "entry 1"),
        ],
    );
}

#[test]
fn an_invalid_address_is_an_error_that_tells_nothing_of_it() {
    let error = "postgres://u:hunter2@h".parse::<DatabaseUrl>().unwrap_err();
    assert_eq!(error.to_string(), "a database address names no database");
}
