//! A live endpoint of the Step Functions API: AWS itself, an emulator, or our own server.
//!
//! Calls go through aws-sdk-sfn, but what a caller gets is the JSON that the service answered: the
//! SDK's structures leave out members that they do not know, and the details of new event types.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use tokio::time::Instant;

use super::error::{EndpointError, EndpointErrorKind};
use super::throttle::{Operation, RetryTokens, Throttle};
use crate::sdk::{StripSyncPrefix, is_aws};
use crate::value::Value;

/// How an endpoint is reached. What is not said comes from where AWS's own tools take it: the
/// environment (`AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL_SFN`, …) and the shared files.
#[derive(Clone, Debug, Default)]
pub struct EndpointOptions {
    /// Its URL; absent for AWS, or what the environment says.
    pub url: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The profile of the shared files.
    pub profile: Option<String>,
    /// The ARN of a role to assume for the calls.
    pub assume_role: Option<String>,
    /// The longest that one call may take; absent for 30 seconds.
    pub timeout: Option<Duration>,
    /// How often one call is tried; absent for five times.
    pub attempts: Option<u32>,
}

/// A live endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    client: Client,
    /// What clients of other services are made from.
    pub(super) config: aws_config::SdkConfig,
    /// The URL that was asked for by an option.
    url: Option<String>,
    name: Arc<str>,
    region: Arc<str>,
    is_aws: bool,
    timeout: Duration,
    pub(super) throttle: Arc<Throttle>,
    /// How many calls of an operation in a row were not answered.
    silences: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

/// What the service answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The bytes.
    pub bytes: Arc<[u8]>,
    /// The JSON in them.
    pub value: Value,
}

impl Answer {
    /// The text of a member.
    pub fn text(&self, member: &str) -> Option<&str> {
        self.value.get(member)?.as_str()
    }
}

/// How long an activity's poll may take: the service holds it for a minute, and asks clients to
/// wait five seconds more.
const POLL_TIMEOUT: Duration = Duration::from_secs(65);

impl Endpoint {
    /// A client of the endpoint. Nothing is asked of it yet: see [`Endpoint::probe`].
    pub async fn new(options: &EndpointOptions) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(
                aws_smithy_http_client::Builder::new()
                    .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
                        aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
                    ))
                    .build_https(),
            )
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(options.attempts.unwrap_or(5))
                    .with_initial_backoff(Duration::from_millis(200))
                    // Also the longest that a retry waits for its token.
                    .with_max_backoff(Duration::from_secs(300)),
            );
        if let Some(url) = &options.url {
            loader = loader.endpoint_url(url);
        }
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let asks_someone = options.profile.is_some() || options.assume_role.is_some();
        let own = options.url.as_deref().is_some_and(|url| !is_aws(url));
        if own && !asks_someone && std::env::var_os("AWS_ACCESS_KEY_ID").is_none() {
            // An emulator takes any; asking for real ones could mean a wait for a metadata service.
            loader = loader.credentials_provider(Credentials::new(
                "stepproof",
                "none",
                None,
                None,
                "none",
            ));
            if options.region.is_none() && std::env::var_os("AWS_REGION").is_none() {
                loader = loader.region(Region::new("us-east-1"));
            }
        }
        let mut config = loader.load().await;
        if let Some(role) = &options.assume_role {
            let provider = aws_config::sts::AssumeRoleProvider::builder(role)
                .session_name("stepproof")
                .configure(&config)
                .build()
                .await;
            config = config
                .into_builder()
                .credentials_provider(
                    aws_credential_types::provider::SharedCredentialsProvider::new(provider),
                )
                .build();
        }
        Self::of_config(config, options)
    }

    /// A client of one of our own servers in this process, which asks nothing of the environment.
    #[cfg(feature = "server")]
    pub(super) fn of_server(url: &str) -> Self {
        let timeout = Duration::from_secs(30);
        let config = crate::server::sdk_config(url)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts(timeout))
            .build();
        Self {
            client: Client::from_conf(config),
            config: aws_config::SdkConfig::builder().build(),
            url: Some(url.into()),
            name: url.into(),
            region: "us-east-1".into(),
            is_aws: false,
            timeout,
            throttle: Arc::new(Throttle::none()),
            silences: Arc::default(),
        }
    }

    fn of_config(config: aws_config::SdkConfig, options: &EndpointOptions) -> Self {
        let region: Arc<str> = config.region().map_or("us-east-1", |region| region.as_ref()).into();
        let environment = ["AWS_ENDPOINT_URL_SFN", "AWS_ENDPOINT_URL"];
        let url = options.url.clone().or_else(|| {
            environment.iter().find_map(|name| std::env::var(name).ok()).or_else(|| {
                // From a profile of the shared files.
                config.endpoint_url().map(str::to_owned)
            })
        });
        let throttle = match url.as_deref().is_none_or(is_aws) {
            true => Throttle::of_region(&region),
            false => Throttle::none(),
        };
        Self::throttled(config, options, url, throttle)
    }

    /// A client whose requests, repeated ones too, keep to these buckets.
    pub(super) fn throttled(
        config: aws_config::SdkConfig,
        options: &EndpointOptions,
        url: Option<String>,
        throttle: Throttle,
    ) -> Self {
        let region: Arc<str> = config.region().map_or("us-east-1", |region| region.as_ref()).into();
        let timeout = options.timeout.unwrap_or(Duration::from_secs(30));
        let throttle = Arc::new(throttle);
        let service = aws_sdk_sfn::config::Builder::from(&config)
            .timeout_config(timeouts(timeout))
            .interceptor(StripSyncPrefix)
            .retry_classifier(RetryTokens(throttle.clone()))
            .build();
        let is_aws = url.as_deref().is_none_or(is_aws);
        let name = url.unwrap_or_else(|| format!("AWS ({region})"));
        Self {
            client: Client::from_conf(service),
            config,
            url: options.url.clone(),
            name: name.into(),
            region,
            is_aws,
            timeout,
            throttle,
            silences: Arc::default(),
        }
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether it is AWS itself.
    pub fn is_aws(&self) -> bool {
        self.is_aws
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// A client of CloudTrail: AWS's, that of `AWS_ENDPOINT_URL_CLOUDTRAIL`, or the same emulator's.
    pub(super) fn cloud_trail(&self) -> aws_sdk_cloudtrail::Client {
        let mut config = aws_sdk_cloudtrail::config::Builder::from(&self.config)
            .retry_classifier(RetryTokens(self.throttle.clone()));
        config.set_timeout_config(Some(timeouts(self.timeout)));
        if let Some(url) = &self.url {
            // The configuration has the URL for every service; AWS's own is one service's.
            let own = std::env::var("AWS_ENDPOINT_URL_CLOUDTRAIL").ok();
            config.set_endpoint_url(own.or_else(|| (!is_aws(url)).then(|| url.clone())));
        }
        aws_sdk_cloudtrail::Client::from_conf(config.build())
    }

    /// The least time that the account's quotas allow for so many calls from now on.
    pub(super) fn time_for(&self, operation: Operation, calls: u64) -> Duration {
        self.throttle.time_for(operation, calls)
    }

    /// An error of this endpoint.
    pub(super) fn error(&self, operation: Operation, kind: EndpointErrorKind) -> EndpointError {
        EndpointError { endpoint: self.name.to_string(), operation, kind }
    }

    /// Asks whether anybody answers, once and without patience.
    ///
    /// # Errors
    ///
    /// Where nobody does, or somebody who is no Step Functions endpoint.
    pub async fn probe(&self) -> Result<(), EndpointError> {
        let once = aws_sdk_sfn::config::Builder::new()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts(self.timeout.min(Duration::from_secs(10))));
        let request = self.client.list_state_machines().max_results(1);
        let operation = Operation::ListStateMachines;
        self.call(operation, |capture| async move {
            request.customize().config_override(once).interceptor(capture).send().await
        })
        .await
        .map(drop)
    }

    /// Calls an operation: `send` is given what sees the answer's bytes.
    pub(super) async fn call<O, E, F>(
        &self,
        operation: Operation,
        send: impl FnOnce(Capture) -> F,
    ) -> Result<Answer, EndpointError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<O, SdkError<E>>>,
    {
        let capture = Capture::default();
        let sent = async {
            let begun = Instant::now();
            (send(capture.clone()).await, begun.elapsed())
        };
        let (result, waited) = self.throttle.admit(operation, sent).await;
        let captured = capture.take();
        let seen = captured.as_ref().map(|(status, bytes)| (*status, &**bytes));
        let error = result.err();
        let error =
            error.map(|error| EndpointError::of(&self.name, operation, &error, waited, seen));
        self.count_silence(operation, error.as_ref().is_some_and(EndpointError::is_silence));
        if let Some(error) = error {
            return Err(error);
        }
        let (status, bytes) = captured.unwrap_or_else(|| (200, Arc::from(&b"{}"[..])));
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        match Value::parse(if bytes.is_empty() { "{}" } else { text }) {
            Ok(value @ Value::Object(_)) => Ok(Answer { bytes, value }),
            _ => {
                let excerpt = text.chars().take(80).collect();
                Err(self.error(operation, EndpointErrorKind::NotTheApi { status, excerpt }))
            }
        }
    }

    fn count_silence(&self, operation: Operation, is_silent: bool) {
        let mut silences = self.silences.lock().unwrap_or_else(PoisonError::into_inner);
        match is_silent {
            true => *silences.entry(operation.name()).or_default() += 1,
            false => drop(silences.remove(operation.name())),
        }
    }

    /// How many calls of the operation were not answered since one was.
    pub(super) fn silences(&self, operation: Operation) -> usize {
        let silences = self.silences.lock().unwrap_or_else(PoisonError::into_inner);
        silences.get(operation.name()).copied().unwrap_or_default()
    }

    /// Polls an activity; the answer has no token where nothing was to do for a minute.
    pub(super) async fn activity_task(
        &self,
        activity_arn: &str,
        worker: &str,
    ) -> Result<Answer, EndpointError> {
        let patience = patience(POLL_TIMEOUT);
        let request =
            self.client.get_activity_task().activity_arn(activity_arn).worker_name(worker);
        self.call(Operation::GetActivityTask, |capture| async move {
            request.customize().config_override(patience).interceptor(capture).send().await
        })
        .await
    }
}

/// For a call whose answer may take so long.
pub(super) fn patience(longest: Duration) -> aws_sdk_sfn::config::Builder {
    aws_sdk_sfn::config::Builder::new().timeout_config(timeouts(longest))
}

fn timeouts(longest: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(longest.min(Duration::from_secs(5)))
        .operation_attempt_timeout(longest)
        .build()
}

/// Keeps the bytes of an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Capture(Arc<Mutex<Option<Captured>>>);

/// Status and body of an answer.
type Captured = (u16, Arc<[u8]>);

impl Capture {
    fn take(&self) -> Option<Captured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intercept for Capture {
    fn name(&self) -> &'static str {
        "Capture"
    }

    // Before deserialization the body is still on its way.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // A body that broke off was never read to its end.
        let Some(bytes) = response.body().bytes() else { return Ok(()) };
        let seen = (response.status().as_u16(), Arc::from(bytes));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(())
    }
}
