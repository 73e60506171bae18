//! What the AWS SDK for Rust needs on endpoints that are not AWS's (feature `aws`).

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Takes the prefix `sync-` off the host, which the SDK puts before it for StartSyncExecution and
/// TestState, where the host is not AWS's: nobody resolves `sync-localhost`.
#[derive(Clone, Copy, Debug, Default)]
pub struct StripSyncPrefix;

impl Intercept for StripSyncPrefix {
    fn name(&self) -> &'static str {
        "StripSyncPrefix"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let uri = request.uri().to_owned();
        if uri.contains("://sync-") && !is_aws(&uri) {
            request.set_uri(uri.replacen("://sync-", "://", 1))?;
        }
        Ok(())
    }
}

/// Whether a URL is one of AWS.
pub(crate) fn is_aws(url: &str) -> bool {
    let host = url.split("://").last().unwrap_or(url);
    let host = host.split(['/', ':']).next().unwrap_or(host);
    host.ends_with(".amazonaws.com")
        || host.ends_with(".api.aws")
        || host.ends_with(".amazonaws.com.cn")
}
