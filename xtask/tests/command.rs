//! `cargo xtask openapi diff`, as scripts call it: its exit code tells breaking from broken.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use xtask::app;

fn present() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = root.join(app::document(&app::name(root).unwrap()));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn diff(old: &str, new: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(["openapi", "diff", old, new]).args(more).output().unwrap()
}

#[test]
fn its_exit_code_tells_a_harmless_change_from_a_breaking_one_and_from_no_document() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut changed = present();
    changed["paths"].as_object_mut().unwrap().shift_remove("/api/v1/auth/me");
    let (old, new) = (file("old.json", &present().to_string()), file("new.json", &changed.to_string()));

    let harmless = diff(&new, &old, &[]);
    assert_eq!(harmless.status.code(), Some(0));
    assert_eq!(harmless.stdout, b"compatible auth_me: `GET /api/v1/auth/me` is new\n");

    let breaking = diff(&old, &new, &["--format", "markdown"]);
    assert_eq!(breaking.status.code(), Some(3));
    let printed = String::from_utf8(breaking.stdout).unwrap();
    let version = present()["info"]["version"].as_str().unwrap().to_owned();
    let report = format!("## {version}\n\n### Breaking\n\n- auth_me: `GET /api/v1/auth/me` is gone\n");
    assert_eq!(printed, report);

    for wrong in [file("list.json", "[]"), file("half.json", "{"), "missing.json".to_owned()] {
        let refused = diff(&old, &wrong, &[]);
        assert_eq!(refused.status.code(), Some(1), "{wrong}");
        assert!(String::from_utf8(refused.stderr).unwrap().contains(&wrong), "{wrong}");
    }
}
