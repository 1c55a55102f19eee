#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, slice};

use super::edit::{cut, cut_to, replace};
use super::{Error, Part, Plan};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn languages() -> Vec<String> {
    let files = fs::read_dir(root().join("scripts/lib/clients")).unwrap();
    files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn client(language: &str) -> Part {
    Part::Clients(vec![language.to_owned()])
}

/// The parts that are still in this tree.
fn parts() -> Vec<Part> {
    let mut parts = Vec::new();
    if let [_, _, ..] = &languages()[..] {
        parts.extend(languages().into_iter().map(|language| Part::Clients(vec![language])));
        parts.push(Part::Clients(languages().split_off(1)));
    }
    for (part, path) in [
        (Part::Bench, "bench"),
        (Part::Traefik, "deploy/traefik"),
        (Part::Replicas, "tests/servers/replicas.rs"),
    ] {
        if root().join(path).exists() {
            parts.push(part);
        }
    }
    parts
}

#[test]
fn every_part_that_is_there_can_be_taken_out() {
    for part in parts() {
        let plan = Plan::new(&root(), &part).unwrap_or_else(|error| panic!("{part:?}: {error}"));
        assert!(!plan.deleted.is_empty() && !plan.changed.is_empty(), "{part:?}: {plan}");
    }
}

#[test]
fn a_client_that_is_not_there_is_refused_with_those_that_are() {
    let Err(Error::Refused(reason)) = Plan::new(&root(), &client("cobol")) else {
        panic!("it was found");
    };
    assert!(reason.contains("cobol") && reason.contains(&languages()[0]), "{reason}");
}

/// A repository with these files.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &["-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message=all"],
    ] {
        assert!(Command::new("git").arg("-C").arg(folder.path()).args(arguments).status().unwrap().success());
    }
    folder
}

const CLIENTS: [(&str, &str); 7] = [
    ("clients/go/go.mod", "module"),
    ("scripts/lib/clients/go.sh", "go_tools() { :; }"),
    ("scripts/lib/clients/java.sh", "java_tools() { :; }"),
    ("tests/clients/mod.rs", "clients! { go java }\n"),
    (
        "tests/clients/package.rs",
        "// Forms.\n\nconst GO: Form = Form {\n};\n\nconst JAVA: Form = Form {\n};\n\n\"go\" => &GO,\n\"java\" => &JAVA,\n",
    ),
    (
        "clients/README.md",
        "| Language |\n|---|\n| [Go](go/README.md) | x |\n| [Java](java/README.md) | x |\n| Go | y |\n| Java | y |\n",
    ),
    (".gitattributes", "*.gen.go linguist-generated\nother\n"),
];

#[test]
fn a_client_leaves_with_everything_that_names_it() {
    let folder = repository(&CLIENTS);
    let plan = Plan::new(folder.path(), &client("go")).unwrap();
    assert!(plan.to_string().contains("delete clients/go/go.mod\n"), "{plan}");
    plan.apply().unwrap();
    assert!(!folder.path().join("clients/go").exists());
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    assert_eq!(read("tests/clients/mod.rs"), "clients! { java }\n");
    let packages = read("tests/clients/package.rs");
    assert_eq!(packages, "// Forms.\n\nconst JAVA: Form = Form {\n};\n\n\"java\" => &JAVA,\n");
    assert_eq!(
        read("clients/README.md"),
        "| Language |\n|---|\n| [Java](java/README.md) | x |\n| Java | y |\n"
    );
    assert_eq!(read(".gitattributes"), "other\n");
}

#[test]
fn a_place_that_was_changed_by_hand_is_named_and_nothing_is_written() {
    let mut files = CLIENTS;
    files[3].1 = "clients! { go, java }\n";
    files[6].1 = "other\n";
    let folder = repository(&files);
    let Err(Error::Refused(reason)) = Plan::new(folder.path(), &client("go")) else {
        panic!("it was accepted");
    };
    assert!(
        reason.contains("tests/clients/mod.rs has 0 times") && reason.contains(".gitattributes"),
        "{reason}"
    );
}

#[test]
fn a_tree_with_uncommitted_changes_and_the_last_client_are_refused() {
    let folder = repository(&CLIENTS);
    let go = client("go");
    let plan = Plan::new(folder.path(), &go).unwrap();
    fs::write(folder.path().join("new"), "").unwrap();
    assert!(matches!(plan.apply(), Err(Error::Refused(reason)) if reason.contains("not committed")));
    assert!(folder.path().join("clients/go/go.mod").exists());

    let folder = repository(&CLIENTS);
    let all = Part::Clients(vec!["go".to_owned(), "java".to_owned()]);
    assert!(
        matches!(Plan::new(folder.path(), &all), Err(Error::Refused(reason)) if reason.contains("no client would be left"))
    );
}

#[test]
fn an_edit_fits_exactly_or_not_at_all() {
    let text = "a\n\n  b {\n    c\n  }\n\nd\n";
    for (edit, expected) in [
        (replace("f", "c", "x"), Some("a\n\n  b {\n    x\n  }\n\nd\n")),
        (replace("f", "\n", "x"), None),
        (cut("f", "c"), Some("a\n\n  b {\n  }\n\nd\n")),
        (cut("f", "e"), None),
        (cut_to("f", "b {", "  }"), Some("a\n\nd\n")),
        (cut_to("f", "b {", "}"), None),
    ] {
        assert_eq!(edit.apply(text).ok().as_deref(), expected, "{:?}", slice::from_ref(&edit));
    }
    assert!(cut("f", "a").apply("a\nab\n").is_err(), "two lines begin with it");
    let wrapped = "One\n  two three. One two\nfour.\n";
    let prose = |path: &str| replace(path, "One two three.", "x").apply(wrapped).ok();
    assert_eq!(prose("f.md").as_deref(), Some("x One two\nfour.\n"), "lines of prose break anywhere");
    assert_eq!(prose("f.rs"), None);
}
