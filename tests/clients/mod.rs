//! The generated clients against the real service: each runs clients/scenario.json and the snippet
//! of its README, and compiles the samples of the document. A client implements the steps in its own language; these tests check that it did
//! all of them, in order.

mod control;
mod run;
mod samples;
mod scenario;
mod snippet;

use run::run;
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
            async fn does_what_its_readme_says() {
                super::does_what_its_readme_says(stringify!($language)).await;
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
    let control = control::start(service.clock.clone()).await;
    let printed = run(
        &["scenario", language],
        &[
            ("GROUNDWORK_URL", &service.instance.url),
            ("GROUNDWORK_CONTROL", &control),
            ("GROUNDWORK_SCENARIO", scenario::FILE),
        ],
    )
    .await;
    if let Err(problem) = scenario.judge(&printed) {
        panic!("{language}: {problem}\n{printed}");
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn every_client_has_its_tests() {
    let languages = run(&["languages"], &[]).await;
    assert_eq!(languages.lines().collect::<Vec<_>>(), LANGUAGES);
}
