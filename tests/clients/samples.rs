//! The samples of the document, compiled as strictly as the client itself.

use std::fs;

use clap::ValueEnum;
use serde_json::{Map, Value};
use xtask::clients::Language;
use xtask::samples;

use super::run::{attempt, run};

/// An operation whose sample is made wrong.
const BROKEN: &str = "auth_login";

pub async fn compile(language: &str) {
    let samples: Map<String, Value> =
        serde_json::from_str(&fs::read_to_string(samples::FILE).unwrap()).unwrap();
    let folder = written(&samples, language);
    run(&["samples", language, folder.path().to_str().unwrap()], &[]).await;

    let broken = samples[BROKEN].to_string();
    let broken = broken.replace("login(", "no_login(").replace("Login(", "NoLogin(");
    assert_ne!(broken, samples[BROKEN].to_string());
    let broken = Map::from_iter([(BROKEN.to_owned(), serde_json::from_str(&broken).unwrap())]);
    let folder = written(&broken, language);
    let (status, _) = attempt(&["samples", language, folder.path().to_str().unwrap()], &[]).await;
    assert!(!status.success(), "a call of a method that {language} does not have is accepted");
}

/// A folder with the program of these samples.
fn written(samples: &Map<String, Value>, language: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let programs = samples::programs(samples, Language::from_str(language, true).unwrap());
    assert!(programs.len() >= samples.len(), "every operation has a sample in {language}");
    for (name, text) in programs {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}
