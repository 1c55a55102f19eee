use tokio_postgres::config::TargetSessionAttrs;

use super::*;

fn postgres(raw: &str) -> PostgresUrl {
    raw.parse().unwrap_or_else(|problem| panic!("{raw:?} is refused: {problem}"))
}

fn refused_by<T>(parse: impl Fn(&str) -> Result<T, UrlError>, bad: &[(&str, &str)]) {
    for (raw, problem) in bad {
        let Err(found) = parse(raw) else { panic!("{raw:?} is accepted") };
        let found = found.to_string();
        assert!(found.contains(problem), "{raw:?}: {found:?} does not say {problem:?}");
        assert!(!found.contains("hunter2"), "{raw:?}: {found:?} tells the password");
    }
}

fn refused(bad: &[(&str, &str)]) {
    refused_by(str::parse::<DatabaseUrl>, bad);
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
        assert_eq!(raw.parse::<DatabaseUrl>().unwrap().to_string(), raw);
    }
    refused(&[
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
    ]);
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
        let url = postgres(raw);
        assert_eq!(url.to_string(), masked);
        assert_eq!(format!("{url:?}"), format!("PostgresUrl({masked})"));
        assert_eq!(raw.parse::<DatabaseUrl>().unwrap().tier(), "postgresql");
    }
    refused(&[
        ("postgres://u:hunter2@/d", "no host"),
        ("postgres:///d", "no host"),
        ("postgres://u:hunter2@:5432/d", "no host"),
        ("postgres://u:hunter2@h", "no database"),
        ("postgres://u:hunter2@h/", "no database"),
        ("postgres://u:hunter2@h:x/d", "port"),
        ("postgres://u:hunter2@h:0/d", "port"),
        ("postgres://u:hunter2@h/d?sslmode=allow", "unknown sslmode"),
        ("postgres://u@h/d?hunter2=1", "unknown"),
        ("postgres://u:hun/ter2@h/d", "percent-encode"),
        ("postgres://u:hun?ter2@h/d", "percent-encode"),
        ("postgres://u:hun#ter2@h/d", "percent-encode"),
        ("postgres://u:hun@ter2@h/d", "percent-encode"),
        ("postgres://u:hunter2@h/d#x", "percent-encode"),
        ("postgres://u:hunter2 x@h/d", "white space"),
    ]);
}

#[test]
fn replicas_are_postgres_addresses_of_one_host_each() {
    let replica = PostgresUrl::replica("postgresql://u:hunter2@b/d").unwrap();
    assert_eq!(replica.to_string(), "postgresql://u:********@b/d");
    refused_by(
        PostgresUrl::replica,
        &[
            ("sqlite://g.db", "must be postgres://"),
            ("postgres://u:hunter2@a,b/d", "must name one host"),
            ("postgres://u:hunter2@a/d?host=b", "must name one host"),
            ("postgres://a/d?hostaddr=10.0.0.1&hostaddr=10.0.0.2", "must name one host"),
            ("hunter2", "must be postgres://"),
        ],
    );
}

fn tls(options: &str) -> Tls {
    postgres(&format!("postgres://u:hunter2@h/d{options}")).tls().clone()
}

#[test]
fn tls_is_what_libpq_means_by_the_same_options() {
    let file = || PathBuf::from("/etc/ca file.pem");
    for (options, expected) in [
        // libpq would prefer TLS; here nothing is encrypted that was not asked to be.
        ("", Tls::Disable),
        ("?connect_timeout=3", Tls::Disable),
        ("?sslmode=disable", Tls::Disable),
        ("?sslmode=prefer", Tls::Prefer),
        ("?sslmode=require", Tls::Require),
        // A root certificate is there to be asked.
        ("?sslmode=require&sslrootcert=/etc/ca%20file.pem", Tls::VerifyCa(file())),
        ("?sslrootcert=%2Fetc%2Fca%20file.pem&sslmode=verify-ca", Tls::VerifyCa(file())),
        ("?sslmode=verify-full&sslrootcert=/etc/ca%20file.pem", Tls::VerifyFull(Roots::File(file()))),
        ("?connect_timeout=3&sslmode=verify-full", Tls::VerifyFull(Roots::System)),
        ("?sslmode=verify-full&sslrootcert=system", Tls::VerifyFull(Roots::System)),
        ("?ssl%6Dode=require", Tls::Require),
        ("?sslmode=require&sslnegotiation=direct", Tls::Require),
    ] {
        assert_eq!(tls(options), expected, "{options}");
    }
    let url = postgres("postgres://u:hunter2@h/d?sslmode=verify-full&connect_timeout=3");
    assert_eq!(url.hosts()[0].get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
    assert_eq!(url.hosts()[0].get_dbname(), Some("d"));
}

#[test]
fn tls_that_would_be_weaker_than_it_looks_is_refused() {
    refused(&[
        ("postgres://u:hunter2@h/d?sslrootcert=/ca.pem", "needs sslmode"),
        ("postgres://u:hunter2@h/d?sslmode=prefer&sslrootcert=/ca.pem", "needs sslmode"),
        ("postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=", "sslrootcert"),
        ("postgres://u:hunter2@h/d?sslmode=verify-ca", "names no sslrootcert"),
        ("postgres://u:hunter2@h/d?sslmode=verify-ca&sslrootcert=system", "verify-full"),
        ("postgres://u:hunter2@h/d?sslmode=require&sslrootcert=system", "verify-full"),
        ("postgres://u:hunter2@h/d?sslmode=verify-full&sslmode=disable", "twice"),
        ("postgres://u:hunter2@h/d?sslnegotiation=direct", "sslnegotiation"),
        ("postgres://u:hunter2@h/d?sslmode=prefer&sslnegotiation=direct", "sslnegotiation"),
        ("postgres:///d?host=/run/postgresql&sslmode=verify-full", "socket"),
        ("postgres://h/d?sslcert=/hunter2.pem", "unknown"),
    ]);
}

#[test]
fn a_server_is_named_without_its_password() {
    for (raw, name) in [
        ("postgres://u:hunter2@h/d", "h:5432"),
        ("postgres://u:hunter2@h:5433/d", "h:5433"),
        ("postgres://u:hunter2@[::1]:5433/d", "[::1]:5433"),
        ("postgres:///d?hostaddr=10.0.0.1&port=6000", "10.0.0.1:6000"),
        ("postgres:///d?host=/run/postgresql", "/run/postgresql:5432"),
    ] {
        assert_eq!(postgres(raw).server(), name, "{raw}");
    }
}

#[test]
fn an_invalid_address_is_an_error_that_tells_nothing_of_it() {
    let error = "postgres://u:hunter2@h".parse::<DatabaseUrl>().unwrap_err();
    assert_eq!(error.to_string(), "names no database");
}

#[test]
fn an_option_that_cannot_be_used_is_named_without_its_value() {
    refused(&[
        ("postgres://u:p@h/d?pgbouncer=true", "has an unknown option `pgbouncer`"),
        (
            "postgres://u:p@h/d?sslmode=require&sslcert=hunter2",
            "unknown option `sslcert`: client certificates",
        ),
        ("postgres://u:p@h/d?connection_limit=hunter2", "unknown option `connection_limit`"),
        ("postgres://u:p@h/d?sslcompression=hunter2", "has an unknown option `sslcompression`"),
        ("postgres://u:p@h/d?ssl%63ompression=hunter2", "has an unknown option `sslcompression`"),
        ("postgres://u:p@h/d?connect_timeout=hunter2", "has a value of the option `connect_timeout` that"),
        ("postgres://u:p@h/d?port=hunter2", "has a value of the option `port` that"),
        ("postgres://u:p@h/d?connect_timeout=3&channel_binding=hunter2", "`channel_binding`"),
        ("postgres://u:p@h/d?hunter2", "an option that is not name=value"),
        ("postgres://u:p@h/d?hunter2=x", "unknown option whose name is not one"),
    ]);
    // The driver's own text tells these apart.
    for name in ["hostaddr", "keepalives", "keepalives_idle", "load_balance_hosts", "sslnegotiation"] {
        let error = format!("postgres://u:p@h/d?{name}=hunter2").parse::<DatabaseUrl>().unwrap_err();
        let expected = format!("has a value of the option `{name}` that cannot be used");
        assert_eq!((error.to_string(), error.unknown_option()), (expected, None));
    }
}

#[test]
fn the_primary_may_have_several_hosts_and_must_take_writes() {
    let target = |raw: &str| postgres(raw).hosts()[0].get_target_session_attrs();
    for (options, expected) in [
        ("", TargetSessionAttrs::ReadWrite),
        ("?target_session_attrs=read-write", TargetSessionAttrs::ReadWrite),
        ("?target_session_attrs=primary", TargetSessionAttrs::ReadWrite),
        ("?target_session_attrs=any", TargetSessionAttrs::Any),
    ] {
        assert_eq!(target(&format!("postgres://u@h/d{options}")), expected, "{options}");
        assert_eq!(target(&format!("postgres://u@h1:5432,h2:5433/d{options}")), expected, "{options}");
    }
    refused(&[
        ("postgres://u:hunter2@a,b/d?target_session_attrs=read-only", "read-write"),
        ("postgres://u:hunter2@a,b/d?target_session_attrs=hunter2", "read-write"),
        ("postgres://u:hunter2@a,b/d?target_session_attrs=any&target_session_attrs=any", "twice"),
        ("postgres://u:hunter2@a,b/d?port=1", "one port"),
        ("postgres://u:hunter2@a,b/d?hostaddr=10.0.0.1", "as many hosts"),
    ]);
    refused_by(
        PostgresUrl::replica,
        &[("postgres://u:hunter2@h/d?target_session_attrs=read-write", "read-only")],
    );
    let replica = PostgresUrl::replica("postgres://u@h/d").unwrap();
    assert_eq!(replica.hosts()[0].get_target_session_attrs(), TargetSessionAttrs::Any);
}

#[test]
fn each_host_keeps_all_else_that_the_address_says() {
    let options = "sslmode=prefer&connect_timeout=2&tcp_user_timeout=3&keepalives=0&keepalives_idle=4&\
                   keepalives_interval=5&keepalives_retries=6&channel_binding=require&\
                   load_balance_hosts=random&options=-cx&application_name=a&target_session_attrs=read-write";
    for (address, hosts) in [
        ("u:p%40@h:1/d?hostaddr=::1", &["host=h hostaddr=::1 port=1"][..]),
        ("/d?user=u&password=p%40&host=/run/pg&port=7", &["host=/run/pg port=7"]),
        ("u:p%40@a:1,[::2]:2,c/d?", &["host=a port=1", "host=::2 port=2", "host=c port=5432"]),
        ("u:p%40@/d?port=7&hostaddr=10.0.0.1,::2", &["hostaddr=10.0.0.1 port=7", "hostaddr=::2 port=7"]),
    ] {
        let expected = hosts.iter().map(|host| {
            let pairs = format!("{host} user=u password=p@ dbname=d {}", options.replace('&', " "));
            pairs.parse::<tokio_postgres::Config>().unwrap()
        });
        let url = postgres(&format!("postgres://{address}&{options}"));
        assert_eq!(url.hosts(), expected.collect::<Vec<_>>(), "{address}");
    }
}
