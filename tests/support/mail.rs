//! The mails of a test service, which are files.

use std::fs;

use super::postgres::eventually;
use super::{Backend, Service};

/// A mail as its reader gets it.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The number of its job.
    job: u64,
    pub to: String,
    pub text: String,
}

impl Mail {
    /// Reads a mail of this kind of job from its file's name and content.
    fn read(kind: &str, name: &str, content: &str) -> Option<Self> {
        let job = name.strip_prefix(kind)?.strip_prefix('-')?.split('-').next()?.parse().ok()?;
        let to = content.lines().find_map(|line| line.strip_prefix("To: "))?.to_owned();
        // Quoted-printable, as far as a link needs it.
        let text = content.replace("=\r\n", "").replace("=3D", "=");
        Some(Self { job, to, text })
    }

    /// The token of its link.
    pub fn token(&self) -> String {
        let (_, rest) = self.text.split_once("?token=").unwrap_or_else(|| panic!("no link: {}", self.text));
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
    }
}

impl Service {
    /// The mails that jobs of this kind have sent to an address, oldest first.
    pub fn mails(&self, kind: &str, to: &str) -> Vec<Mail> {
        let files = fs::read_dir(self.mail.path()).into_iter().flatten().map(|file| file.unwrap());
        let mut mails: Vec<_> = files
            .filter_map(|file| {
                let content = fs::read_to_string(file.path()).ok()?;
                Mail::read(kind, file.file_name().to_str()?, &content).filter(|mail| mail.to == to)
            })
            .collect();
        mails.sort_by_key(|mail| mail.job);
        mails
    }

    /// Waits until jobs of this kind have sent so many mails to an address, and gives the last.
    pub async fn mail(&self, kind: &str, to: &str, count: usize) -> Mail {
        eventually(&format!("mail {count} by {kind} to {to}"), async || {
            let mails = self.mails(kind, to);
            assert!(mails.len() <= count, "more than {count} mails by {kind}: {mails:?}");
            (mails.len() == count).then(|| mails.into_iter().next_back()).flatten()
        })
        .await
    }

    /// Waits until every job that is due has been tried.
    pub async fn settle(&self) {
        if self.extra.iter().any(|(name, workers)| *name == "JOB_WORKERS" && workers == "0") {
            return;
        }
        let now = self.clock.now().micros();
        let now = match self.database.backend {
            Backend::Sqlite => now.to_string(),
            Backend::Postgres => format!("to_timestamp({now} / 1000000.0)"),
        };
        let waiting = format!(
            "SELECT CAST(COUNT(*) AS TEXT) AS value FROM jobs WHERE (status = 'running' AND lease IS NOT NULL) \
             OR (status = 'queued' AND attempts = 0 AND run_at <= {now})"
        );
        eventually("the jobs are done", async || {
            (self.database.sql(&waiting).await.as_deref() == Some("0")).then_some(())
        })
        .await;
    }
}
