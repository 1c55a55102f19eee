//! An SMTP server in the process of the test.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A server that accepts every mail and passes it on: its address, and the mails.
pub async fn server() -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, mails) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let sender = sender.clone();
            tokio::spawn(async move {
                let (reading, mut writing) = stream.into_split();
                let mut lines = BufReader::new(reading).lines();
                writing.write_all(b"220 test\r\n").await.unwrap();
                while let Ok(Some(line)) = lines.next_line().await {
                    let reply = if line == "DATA" { "354 go on\r\n" } else { "250 fine\r\n" };
                    writing.write_all(reply.as_bytes()).await.unwrap();
                    if line == "DATA" {
                        let mut mail = String::new();
                        while let Ok(Some(line)) = lines.next_line().await {
                            if line == "." {
                                break;
                            }
                            // Quoted-printable: a line that goes on ends with =.
                            mail += &line.strip_suffix('=').map_or(format!("{line}\n"), str::to_owned);
                        }
                        writing.write_all(b"250 fine\r\n").await.unwrap();
                        // A test that reads no mails has dropped its end.
                        drop(sender.send(mail.replace("=3D", "=")));
                    }
                }
            });
        }
    });
    (format!("smtp://127.0.0.1:{port}"), mails)
}
