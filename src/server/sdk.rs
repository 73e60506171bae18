//! The AWS SDK for Rust, pointed at a server (feature `aws`).

use aws_credential_types::Credentials;
use aws_sdk_sfn::config::{BehaviorVersion, Builder, Region};
use aws_smithy_http_client::Builder as HttpClient;

pub use crate::sdk::StripSyncPrefix;

/// What a client of aws-sdk-sfn needs for the server at `url`: endpoint, region, credentials that
/// come from nowhere, plain HTTP, and [`StripSyncPrefix`].
///
/// ```no_run
/// use stepproof::server::{Options, Server, sdk_config};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::start(Options::default())?;
/// let client = aws_sdk_sfn::Client::from_conf(sdk_config(&server.url()).build());
/// let machines = client.list_state_machines().send().await?;
/// assert!(machines.state_machines().is_empty());
/// # Ok(())
/// # }
/// ```
pub fn sdk_config(url: &str) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("stepproof", "stepproof", None, None, "stepproof"))
        .http_client(HttpClient::new().build_http())
        .interceptor(StripSyncPrefix)
}
