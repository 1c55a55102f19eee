//! `cargo xtask new resource` and `cargo xtask remove resource`, in a copy of this tree.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use xtask::new::{self, Owner, Resource};

const STAMP: &str = "2100-01-01-000000";

// The names of resources and fields here are those that hardly any app has: these tests also pass in
// the tree of a team that has orders, and users with a phone.

const SEXTANTS: &[&str] = &[
    "number:text(1..40)!",
    "customer_note:text(0..2000)?",
    "quantity:int(1..1000)!",
    "state:enum(draft,sent,paid)!",
    "due_at:timestamp?",
];

/// A field of every kind, once required and once nullable.
const EVERY_KIND: &[&str] = &[
    "number:text(1..40)!",
    "customer_note:text(0..2000)?",
    "quantity:int(1..1000)!",
    "gift_count:int(0..9)?",
    "is_gift:bool!",
    "is_paid:bool?",
    "state:enum(draft,sent,paid)!",
    "priority:enum(low,high)?",
    "sent_at:timestamp!",
    "due_at:timestamp?",
    "placed_on:date!",
    "wanted_on:date?",
    "reference:uuid!",
    "batch:uuid?",
    "details:json!",
    "extras:json?",
    "price:decimal(12,2)!",
    "discount:decimal(18,3)?",
    "tags:text[](10,1..40)!",
    "labels:text[](3,0..5)?",
];

/// What the command reads and writes.
const PARTS: [&str; 10] = [
    "src",
    "migrations",
    "tests",
    "docs",
    "openapi",
    "CHANGELOG.md",
    "Cargo.toml",
    "rustfmt.toml",
    ".gitignore",
    "README.md",
];

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The files of this repository that git would add, below the parts.
fn copy() -> TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"];
    let listed = git(root, &[&list[..], &PARTS].concat());
    for path in listed.split('\0').filter(|path| root.join(path).is_file()) {
        let target = folder.path().join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(root.join(path), target).unwrap();
    }
    git(folder.path(), &["init", "--quiet"]);
    folder
}

/// Every file with its text.
fn snapshot(folder: &TempDir) -> BTreeMap<String, Vec<u8>> {
    let listed = git(folder.path(), &["ls-files", "-z", "--others", "--exclude-standard"]);
    let paths = listed.split('\0').filter(|path| !path.is_empty());
    paths.map(|path| (path.to_owned(), fs::read(folder.path().join(path)).unwrap())).collect()
}

fn resource(plural: &str, fields: &[&str], owner: Owner) -> Resource {
    let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
    Resource::parse(plural, None, &fields, owner).unwrap()
}

fn add(folder: &TempDir, resource: &Resource) {
    new::add(folder.path(), resource, STAMP).unwrap().apply().unwrap();
}

fn remove(folder: &TempDir, plural: &str) -> Result<(), String> {
    let plan = new::remove(folder.path(), plural).map_err(|error| error.to_string())?;
    plan.apply().map_err(|error| error.to_string())
}

fn read(folder: &TempDir, path: &str) -> String {
    fs::read_to_string(folder.path().join(path)).unwrap()
}

fn xtask(folder: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).current_dir(folder.path()).args(arguments).output().unwrap()
}

#[test]
fn a_resource_that_was_added_is_removed_without_a_trace() {
    let folder = copy();
    let before = snapshot(&folder);
    for resource in [
        resource("sextants", SEXTANTS, Owner::User),
        resource("sextants", EVERY_KIND, Owner::User),
        resource("sextants", EVERY_KIND, Owner::Service),
        resource("theodolites", &["price:decimal(4,2)?", "tags:text[](1000,0..2000)?"], Owner::Service),
        resource("gnomons", &["day:date?"], Owner::Service),
        resource("astrolabes", &["text:text(1..10000)!"], Owner::User),
        resource("sextant_mirror_templates", &["is_hidden:bool!", "kind:enum(a,b)!"], Owner::Service),
        resource("quadrants", &["offset_hours:int(-12..14)?", "opens_at:timestamp!"], Owner::Service),
    ] {
        let name = format!("{resource:?}");
        add(&folder, &resource);
        assert_ne!(snapshot(&folder), before, "{name}");
        remove(&folder, resource.plural()).unwrap();
        assert!(snapshot(&folder) == before, "{name}");
    }
}

#[test]
fn resources_are_removed_in_any_order() {
    let folder = copy();
    let before = snapshot(&folder);
    let all = [
        resource("sextants", SEXTANTS, Owner::User),
        resource("astrolabes", &["text:text(1..10000)!"], Owner::User),
        resource("quadrants", &["state:enum(open,closed)!"], Owner::Service),
    ];
    for resource in &all {
        add(&folder, resource);
    }
    for plural in ["astrolabes", "sextants", "quadrants"] {
        remove(&folder, plural).unwrap();
    }
    assert!(snapshot(&folder) == before);
}

#[test]
fn a_field_is_added_to_what_a_person_has_changed() {
    let folder = copy();
    add(&folder, &resource("sextants", SEXTANTS, Owner::User));
    let service = "src/services/sextants.rs";
    let mine = read(&folder, service) + "\n// Mine.\n";
    fs::write(folder.path().join(service), &mine).unwrap();
    let field = |field: &str, default| {
        new::add_field(folder.path(), "sextants", &[field.to_owned()], default, "2100-01-02-000000")
    };
    let refused = |text: &str, default| field(text, default).map(|_| ()).unwrap_err().to_string();
    assert!(refused("phone:text(1..40)!", None).contains("give --default VALUE"));
    assert!(refused("phone:text(1..40)!", Some(" ")).contains("not one of its values"));
    assert!(refused("phone:text(1..40)?", Some("1")).contains("leave --default out"));
    assert!(refused("number:text(1..40)?", None).contains("twice"));
    assert!(refused("a_1:bool? a_1:bool?", None).contains("twice"));
    assert!(refused("rank:int(0..9)! price:decimal(12,2)!", Some("5")).contains("one at a time"));
    assert!(refused("rank:int(0..9)! price:decimal(12,2)?", None).contains("give --default VALUE"));

    field("phone:text(1..40)?", None).unwrap().apply().unwrap();
    field("rank:int(0..9)!", Some("5")).unwrap().apply().unwrap();
    field("price:decimal(12,2)! tags:text[](9,1..40)?", Some("1.5")).unwrap().apply().unwrap();
    for (path, expected) in [
        (
            "migrations/postgres/2100-01-02-000000_sextants_price_tags/up.sql",
            "ALTER TABLE sextants ADD COLUMN price NUMERIC(12,2) NOT NULL DEFAULT 1.50;\n\
             ALTER TABLE sextants ADD COLUMN tags TEXT[];\n",
        ),
        (
            "migrations/postgres/2100-01-02-000000_sextants_price_tags/down.sql",
            "ALTER TABLE sextants DROP COLUMN tags;\nALTER TABLE sextants DROP COLUMN price;\n",
        ),
        (
            "migrations/sqlite/2100-01-02-000000_sextants_price_tags/up.sql",
            "ALTER TABLE sextants ADD COLUMN price SCALED_INT(12,2) NOT NULL DEFAULT 150;\n\
             ALTER TABLE sextants ADD COLUMN tags TEXT_ARRAY;\n",
        ),
        (
            "migrations/postgres/2100-01-02-000000_sextants_phone/up.sql",
            "ALTER TABLE sextants ADD COLUMN phone TEXT;\n",
        ),
        (
            "migrations/sqlite/2100-01-02-000000_sextants_rank/down.sql",
            "ALTER TABLE sextants DROP COLUMN rank;\n",
        ),
        (
            "migrations/sqlite/2100-01-02-000000_sextants_rank/up.sql",
            "ALTER TABLE sextants ADD COLUMN rank BIGINT NOT NULL DEFAULT 5;\n",
        ),
    ] {
        assert_eq!(read(&folder, path), expected, "{path}");
    }
    for (path, expected) in [
        (
            "src/db/schema.rs",
            "updated_at -> Timestamptz,\n        phone -> Nullable<Text>,\n        rank -> BigInt,\n",
        ),
        ("src/domain/sextants.rs", "pub struct SextantPhone(1..=40);"),
        ("src/domain/sextants.rs", "pub type SextantTags = TextList<9, 1, 40>;"),
        (
            "src/models/sextants.rs",
            "pub phone: Option<Option<SextantPhone>>,\n    pub rank: Option<SextantRank>,\n",
        ),
        ("src/schemas/sextants.rs", "pub phone: Patch<SextantPhone>,"),
        ("tests/api/sextants.rs", "(\"rank\", json!(10), \"must be at most 9\"),"),
        (service, "// Mine.\n"),
    ] {
        assert!(read(&folder, path).contains(expected), "{path}");
    }
    let refusal = remove(&folder, "sextants").unwrap_err();
    assert!(refusal.contains("fields that were added later (phone, rank, price, tags)"), "{refusal}");
    let domain = "src/domain/sextants.rs";
    fs::write(folder.path().join(domain), read(&folder, domain) + "\n// Mine.\n").unwrap();
    let before = snapshot(&folder);
    assert!(refused("weight:decimal(4,2)?", None).contains("\n  src/domain/sextants.rs"));
    assert!(snapshot(&folder) == before);
}

#[test]
fn a_field_of_users_is_entered_in_every_list() {
    let folder = copy();
    let field =
        |field: &str| new::add_field(folder.path(), "users", &[field.to_owned()], None, "2100-01-02-000000");
    let refused = |text: &str| field(text).map(|_| ()).unwrap_err().to_string();
    assert!(refused("lunar_phone:text(1..40)!").contains("end it with `?`"));
    assert!(refused("full_name:text(1..40)?").contains("has a field `full_name`"));
    assert!(refused("moon:bool? sun:bool?").contains("one field at a time"));
    field("lunar_phone:text(1..40)?").unwrap().apply().unwrap();
    field("lunar_visit_at:timestamp?").unwrap().apply().unwrap();
    field("lunar_city:text(1..80)?").unwrap().apply().unwrap();
    for (path, expected) in [
        (
            "migrations/sqlite/2100-01-02-000000_users_lunar_phone/up.sql",
            "ALTER TABLE users ADD COLUMN lunar_phone TEXT;\n",
        ),
        (
            "src/db/schema.rs",
            "lunar_phone -> Nullable<Text>,\n        lunar_visit_at -> Nullable<Timestamptz>,\n        lunar_city ->",
        ),
        ("src/db/values.rs", "text_value!(UserLunarPhone);\ntext_value!(UserLunarCity);\n"),
        ("src/domain/users.rs", "pub struct UserLunarPhone(1..=40);"),
        ("src/domain/users.rs", "pub struct UserLunarCity(1..=80);"),
        (
            "src/models/users.rs",
            "    pub lunar_phone: Option<String>,\n    pub lunar_visit_at: Option<Timestamp>,\n",
        ),
        ("src/models/users.rs", "    pub lunar_phone: Option<UserLunarPhone>,\n"),
        ("src/models/users.rs", "    pub lunar_phone: Option<Option<UserLunarPhone>>,\n"),
        ("src/schemas/users.rs", "    pub lunar_phone: Nullable<String>,\n"),
        ("src/schemas/users.rs", "    lunar_phone: Nullable(Some(\"+44 20 7946 0958\".to_owned())),\n"),
        ("src/schemas/users.rs", "    pub lunar_phone: Option<UserLunarPhone>,\n"),
        ("src/schemas/users.rs", "    pub lunar_visit_at: Patch<Timestamp>,\n"),
        ("src/schemas/values.rs", "text_schema!(UserLunarCity, \"user_lunar_city\", example: \"London\");"),
        ("tests/api/users.rs", "mod lunar_phone;\n"),
        ("README.md", ",\"lunar_phone\":null,\"lunar_visit_at\":null,\"lunar_city\":null}\n"),
    ] {
        assert!(read(&folder, path).contains(expected), "{path}: {expected}");
    }
}

#[test]
fn what_a_person_has_changed_is_not_removed() {
    let folder = copy();
    add(&folder, &resource("sextants", SEXTANTS, Owner::User));
    for path in ["src/models/sextants.rs", "src/services/mod.rs"] {
        let text = read(&folder, path);
        fs::write(folder.path().join(path), text.replace("pub mod sextants;\n", "") + "\n// Mine.\n")
            .unwrap();
    }
    let before = snapshot(&folder);
    let refused = remove(&folder, "sextants").unwrap_err();
    assert!(refused.contains("\n  src/models/sextants.rs\n  src/services/mod.rs: it lacks"), "{refused}");
    assert!(!refused.contains("src/schemas/sextants.rs"), "{refused}");
    assert!(snapshot(&folder) == before);
    assert!(remove(&folder, "astrolabes").unwrap_err().contains("no migration"));
}

#[test]
fn a_missing_anchor_is_named_and_nothing_is_written() {
    let folder = copy();
    let path = "src/db/schema.rs";
    let text = read(&folder, path).replace("allow_tables_to_appear_in_same_query!", "other!");
    fs::write(folder.path().join(path), text).unwrap();
    let before = snapshot(&folder);
    let sextants = resource("sextants", SEXTANTS, Owner::User);
    let refused = new::add(folder.path(), &sextants, STAMP).unwrap_err().to_string();
    assert!(refused.contains("src/db/schema.rs") && refused.contains("allow_tables_to_appear"), "{refused}");
    assert!(snapshot(&folder) == before);
}

#[test]
fn a_dry_run_shows_the_files_and_the_differences_and_writes_nothing() {
    let folder = copy();
    let before = snapshot(&folder);
    let fields = SEXTANTS.join(" ");
    let shown = xtask(&folder, &["new", "resource", "sextants", &fields, "--owned-by", "user", "--dry-run"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    for expected in [
        "\n  models/\n    mod.rs\n    sextants.rs  new\n",
        "+++ b/src/models/sextants.rs\n",
        "\n+pub mod sextants;\n",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(snapshot(&folder) == before);
}

#[test]
fn every_refused_specification_says_why() {
    let folder = copy();
    add(&folder, &resource("sextants", SEXTANTS, Owner::User));
    let before = snapshot(&folder);
    for (arguments, expected) in [
        (&["users", "a1:bool!", "--admin"][..], "src/api/v1/users.rs is there already; try `customer_users`"),
        (&["sextants", "a1:bool!", "--admin"], "sextants.rs is there already; try `customer_sextants`"),
        (&["audit_events", "a1:bool!", "--admin"], "is there already"),
        (&["profiles", "a1:bool!", "--admin"], "src/models/users.rs declares `Profile`"),
        (&["Orders", "a1:bool!", "--admin"], "has `O`"),
        (&["order", "a1:bool!", "--admin"], "reserved in SQL; try `orders`"),
        (&["types", "a1:bool!", "--admin"], "its singular `type` is reserved in Rust"),
        (&["pages", "a1:bool!", "--admin"], "its singular `page` is used for something else"),
        (&["data", "a1:bool!", "--admin"], "give --singular"),
        (&["sheep", "a1:bool!", "--admin", "--singular", "sheep"], "the singular is the plural"),
        (&["parcels", "a1:bool", "--admin"], "ends with `!` if it is required"),
        (&["parcels", "a1:integer", "--admin"], "`integer` is no kind of field"),
        (&["parcels", "class:bool!", "--admin"], "reserved in Rust; try `class_value`"),
        (&["parcels", "price:decimal!", "--admin"], "decimal(12,2)"),
        (&["parcels", "price:float!", "--admin"], "use decimal(12,2)"),
        (&["parcels", "tags:text[](10)!", "--admin"], "MIN..MAX"),
        (&["parcels", "a1:bool!", "a1:bool!", "--admin"], "twice"),
        (&["parcels", "a1:bool!"], "<--owned-by <OWNED_BY>|--admin>"),
        (&["parcels", "a1:bool!", "--admin", "--owned-by", "user"], "cannot be used with"),
        (&["parcels", "a1:bool!", "--owned-by", "team"], "possible values: user"),
        (&["parcels", "--admin"], "<FIELDS>..."),
    ] {
        let refused = xtask(&folder, &[&["new", "resource"], arguments].concat());
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && text.contains(expected), "{arguments:?}: {text}");
    }
    assert!(snapshot(&folder) == before);
}
