//! What a state machine or an activity is configured with besides its definition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ApiError;
use crate::history::LogLevel;

/// How a state machine logs, traces and encrypts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `loggingConfiguration`
    pub logging: LoggingConfiguration,
    /// `tracingConfiguration.enabled`
    pub tracing: bool,
    /// `encryptionConfiguration`
    pub encryption: EncryptionConfiguration,
}

/// `loggingConfiguration`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggingConfiguration {
    /// `level`
    pub level: LogLevel,
    /// `includeExecutionData`
    pub include_execution_data: bool,
    /// The ARN of the one log group; always there unless the level is `OFF`.
    pub log_group_arn: Option<Arc<str>>,
    /// Whether `destinations` was given though empty: it is answered as it was given
    /// (`sfn_api_logs.incomplete_logging_configuration.logging_configuration1`).
    pub empty_destinations: bool,
}

/// `encryptionConfiguration`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EncryptionConfiguration {
    /// `AWS_OWNED_KEY`
    #[default]
    AwsOwnedKey,
    /// `CUSTOMER_MANAGED_KMS_KEY`
    CustomerManagedKmsKey {
        /// `kmsKeyId`
        key_id: Arc<str>,
        /// `kmsDataKeyReusePeriodSeconds`
        reuse_seconds: i64,
    },
}

/// What stands around the account and can make it refuse a request: nothing unless it is said.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The log groups that exist, by ARN; `None`: any that is named.
    pub log_groups: Option<BTreeSet<Arc<str>>>,
    /// KMS keys that cannot be used, by the id or ARN that `kmsKeyId` gives them.
    pub kms_keys: BTreeMap<Arc<str>, KmsTrouble>,
}

/// Why a KMS key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KmsTrouble {
    /// Its policy allows it to nobody here.
    AccessDenied,
    /// KMS has too many requests.
    Throttled,
    /// `DISABLED`
    Disabled,
    /// `PENDING_DELETION`
    PendingDeletion,
}

impl EncryptionConfiguration {
    fn key(&self) -> Option<&Arc<str>> {
        match self {
            Self::AwsOwnedKey => None,
            Self::CustomerManagedKmsKey { key_id, .. } => Some(key_id),
        }
    }
}

impl Surroundings {
    /// Whether the data of a machine, an execution or an activity with this key can be read and
    /// written (service model, `Kms…Exception`). The messages are inferred.
    pub(crate) fn check_key(&self, encryption: &EncryptionConfiguration) -> Result<(), ApiError> {
        let Some(key) = encryption.key() else { return Ok(()) };
        let Some(trouble) = self.kms_keys.get(key) else { return Ok(()) };
        let state = match trouble {
            KmsTrouble::AccessDenied => {
                let message = format!("Not authorized to use the KMS key: '{key}'");
                return Err(ApiError::new("KmsAccessDeniedException", message));
            }
            KmsTrouble::Throttled => {
                let message = format!("KMS throttles requests for the key: '{key}'");
                return Err(ApiError::new("KmsThrottlingException", message));
            }
            KmsTrouble::Disabled => "DISABLED",
            KmsTrouble::PendingDeletion => "PENDING_DELETION",
        };
        let message = format!("The KMS key is in the state {state}: '{key}'");
        let error = ApiError::new("KmsInvalidStateException", message);
        Err(ApiError { kms_key_state: Some(state), ..error })
    }

    /// Whether a machine can be created with this key: a key that is not active makes the
    /// configuration invalid (service model, InvalidEncryptionConfiguration).
    pub(crate) fn check_new_key(
        &self,
        encryption: &EncryptionConfiguration,
    ) -> Result<(), ApiError> {
        self.check_key(encryption).map_err(|error| match error.code {
            "KmsInvalidStateException" => {
                let message = format!("Invalid Encryption Configuration: '{}'", error.message);
                ApiError::new("InvalidEncryptionConfiguration", message)
            }
            _ => error,
        })
    }

    /// Whether the log group exists (`sfn_api_logs.deleted_log_group`).
    pub(crate) fn check_log_group(&self, logging: &LoggingConfiguration) -> Result<(), ApiError> {
        let known = |arn: &Arc<str>| self.log_groups.as_ref().is_none_or(|all| all.contains(arn));
        match logging.log_group_arn.as_ref().is_none_or(known) {
            true => Ok(()),
            false => Err(ApiError::logging("Log Destination not found.")),
        }
    }
}
