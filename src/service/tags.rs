//! Tags of state machines and activities.

use std::sync::Arc;

use super::{ApiError, Service};

/// Letters of a tag besides letters, digits and white space (service quotas, "tagging").
const SIGNS: &str = "_.:/=+-@";
const KEY_CHARS: usize = 128;
const VALUE_CHARS: usize = 256;

impl Service {
    /// Adds tags to what is created under this ARN, or is there; a tag of the same key is replaced.
    pub(super) fn set_tags(
        &mut self,
        arn: &Arc<str>,
        tags: Vec<(Arc<str>, Arc<str>)>,
    ) -> Result<(), ApiError> {
        let most = self.account.limits.tags;
        for (key, value) in &tags {
            check("key", key, 1, KEY_CHARS)?;
            check("value", value, 0, VALUE_CHARS)?;
            if key.to_lowercase().starts_with("aws:") {
                return Err(ApiError::validation(format!(
                    "Tag keys cannot start with 'aws:', which is reserved: '{key}'"
                )));
            }
        }
        let mut all = self.tags.get(arn).cloned().unwrap_or_default();
        all.extend(tags);
        if all.len() > most {
            let message = format!("A resource can have {most} tags, not {}", all.len());
            let resource_name = Some(arn.clone());
            return Err(ApiError { resource_name, ..ApiError::new("TooManyTags", message) });
        }
        if !all.is_empty() {
            self.tags.insert(arn.clone(), all);
            self.note_altered(arn);
        }
        Ok(())
    }

    /// TagResource. Versions and aliases have no tags (`sfn_api_tagging.tag_state_machine_version`).
    pub(crate) fn tag(
        &mut self,
        arn: &Arc<str>,
        tags: Vec<(Arc<str>, Arc<str>)>,
    ) -> Result<(), ApiError> {
        self.check_taggable(arn)?;
        self.set_tags(arn, tags)
    }

    /// UntagResource. Tags that do not exist are no error.
    pub(crate) fn untag(&mut self, arn: &Arc<str>, keys: &[Arc<str>]) -> Result<(), ApiError> {
        self.check_taggable(arn)?;
        if let Some(tags) = self.tags.get_mut(arn) {
            tags.retain(|key, _| !keys.contains(key));
            self.note_altered(arn);
        }
        Ok(())
    }

    /// The tags of a state machine or an activity, in the order in which they were added.
    ///
    /// # Errors
    ///
    /// `ResourceNotFound`
    pub fn tags(
        &self,
        arn: &str,
    ) -> Result<impl Iterator<Item = (&Arc<str>, &Arc<str>)>, ApiError> {
        self.check_taggable(arn)?;
        Ok(self.tags.get(arn).into_iter().flatten())
    }

    fn check_taggable(&self, arn: &str) -> Result<(), ApiError> {
        match self.machines.contains_key(arn) || self.activities.contains_key(arn) {
            true => Ok(()),
            false => Err(ApiError::resource_not_found(arn)),
        }
    }
}

fn check(what: &str, text: &str, least: usize, most: usize) -> Result<(), ApiError> {
    let chars = text.chars().count();
    let wrong = |c: &char| !(c.is_alphanumeric() || c.is_whitespace() || SIGNS.contains(*c));
    if chars < least || chars > most {
        let message = format!("A tag's {what} must have {least} to {most} characters: '{text}'");
        return Err(ApiError::validation(message));
    }
    if text.chars().any(|c| wrong(&c)) {
        return Err(ApiError::validation(format!(
            "A tag's {what} may have letters, digits, spaces and {SIGNS} only: '{text}'"
        )));
    }
    Ok(())
}
