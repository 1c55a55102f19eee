//! A program in a project that has installed the package.

use groundwork_client::Service;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = Service::new(&std::env::var("GROUNDWORK_URL")?)?;
    println!("{}", service.anonymous().health().live().send().await?.status);
    let session = service.log_in("ada@example.com", "correct horse battery staple").await?;
    println!("{}", session.users().me().send().await?.email);
    Ok(())
}
