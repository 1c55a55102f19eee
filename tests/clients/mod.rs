//! The generated clients against the real service: each runs clients/scenario.json and the snippet
//! of its README, and compiles the samples of the document. A client implements the steps in its own language; these tests check that it did
//! all of them, in order.

mod control;
mod package;
mod proxy;
mod run;
mod samples;
mod scenario;
mod snippet;

use package::{Package, left_out};
use proxy::Proxy;
use run::{failure, run};
use scenario::Scenario;
use snippet::Snippet;

/// The tests of each language.
macro_rules! clients {
    ($($language:ident)+) => {
        const LANGUAGES: &[&str] = &[$(stringify!($language)),+];

        $(mod $language {
            #[ignore = "needs the tools of the clients"]
            #[tokio::test(flavor = "multi_thread")]
            async fn goes_through_the_scenario() {
                super::goes_through_the_scenario(stringify!($language)).await;
            }

            #[ignore = "needs the tools of the clients"]
            #[tokio::test(flavor = "multi_thread")]
            async fn fails_at_a_step_that_it_does_not_have() {
                super::fails_at_a_step_that_it_does_not_have(stringify!($language)).await;
            }

            #[ignore = "needs the tools of the clients"]
            #[tokio::test(flavor = "multi_thread")]
            async fn does_what_its_readme_says() {
                super::does_what_its_readme_says(stringify!($language)).await;
            }

            #[ignore = "needs the tools of the clients"]
            #[tokio::test(flavor = "multi_thread")]
            async fn is_published_complete_and_works_where_it_is_installed() {
                super::is_published_complete_and_works_where_it_is_installed(stringify!($language)).await;
            }

            #[ignore = "needs the tools of the clients"]
            #[tokio::test(flavor = "multi_thread")]
            async fn does_not_work_without_one_of_its_files() {
                super::does_not_work_without_one_of_its_files(stringify!($language)).await;
            }

            #[ignore = "needs the tools of the clients"]
            #[tokio::test(flavor = "multi_thread")]
            async fn compiles_every_sample_of_the_document_and_refuses_a_wrong_one() {
                super::samples::compile(stringify!($language)).await;
            }
        })+
    };
}

clients! { go java python rust typescript }

async fn goes_through_the_scenario(language: &str) {
    let scenario = Scenario::read();
    let service = scenario.service().await;
    let proxy = Proxy::to(&service.instance.url).await;
    let control = control::start(service.clock.clone(), proxy.clone()).await;
    let printed = run(
        &["scenario", language],
        &[
            ("GROUNDWORK_URL", &proxy.url),
            ("GROUNDWORK_CONTROL", &control.url),
            ("GROUNDWORK_RECEIVER", &control.receiver),
            ("GROUNDWORK_SCENARIO", scenario::FILE),
        ],
    )
    .await;
    if let Err(problem) = scenario.judge(&printed) {
        panic!("{language}: {problem}\n{printed}");
    }
}

async fn fails_at_a_step_that_it_does_not_have(language: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.json");
    std::fs::write(&file, Scenario::read().beginning_with("juggle").to_string()).unwrap();
    let nowhere = "http://127.0.0.1:9";
    let why = failure(
        &["scenario", language],
        &[
            ("GROUNDWORK_URL", nowhere),
            ("GROUNDWORK_CONTROL", nowhere),
            ("GROUNDWORK_RECEIVER", nowhere),
            ("GROUNDWORK_SCENARIO", file.to_str().unwrap()),
        ],
    )
    .await;
    assert!(why.contains("juggle"), "{why}");
}

async fn does_what_its_readme_says(language: &str) {
    let scenario = Scenario::read();
    let service = scenario.service().await;
    scenario.register_user(&service).await;
    let snippet = Snippet::of(language);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(snippet.file_name());
    std::fs::write(&file, snippet.program_for(&service.instance.url)).unwrap();
    let printed = run(&["snippet", language, file.to_str().unwrap()], &[]).await;
    assert_eq!(printed.trim_end(), snippet.output.trim_end());
}

async fn is_published_complete_and_works_where_it_is_installed(language: &str) {
    let scenario = Scenario::read();
    let service = scenario.service().await;
    scenario.register_user(&service).await;
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["package", language, folder.path().to_str().unwrap()];
    let printed = run(&arguments, &[("GROUNDWORK_URL", &service.instance.url)]).await;
    assert_eq!(printed, "ok\nada@example.com\n");
    let package = Package::read(language, &folder.path().join("contents"));
    assert_eq!(package.problems(), Vec::<String>::new());
    package.assert_that_each_check_can_fail();
}

async fn does_not_work_without_one_of_its_files(language: &str) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["package", language, folder.path().to_str().unwrap(), left_out(language)];
    let why = failure(&arguments, &[("GROUNDWORK_URL", "http://127.0.0.1:9")]).await;
    assert!(why.to_lowercase().contains("session"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_has_its_tests() {
    let languages = run(&["languages"], &[]).await;
    assert_eq!(languages.lines().collect::<Vec<_>>(), LANGUAGES);
}
